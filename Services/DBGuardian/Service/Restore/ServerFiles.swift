package import Foundation

/// As whom a restored PostgreSQL runs: not as root, so when we are root, as the user whom the repository belongs to, who
/// archives.
package enum ServerUser {
    package static func of(_ repository: Repository) -> (user: uid_t, group: gid_t)? {
        guard geteuid() == 0, let folder = repository.storage as? FolderStorage, let owner = folder.owner else { return nil }
        if owner.user != 0 { return (owner.user, Self.group(owner.user) ?? owner.group) }
        // A repository of root's own: PostgreSQL's usual user.
        guard let entry = getpwnam("postgres") else { return nil }
        return (entry.pointee.pw_uid, entry.pointee.pw_gid)
    }

    private static func group(_ user: uid_t) -> gid_t? { getpwuid(user).map { $0.pointee.pw_gid } }
}

/// Files by which PostgreSQL knows that it is to recover.
package enum RecoveryFiles {
    package static func prepare(_ data: String, user: (user: uid_t, group: gid_t)?) throws {
        for name in ["standby.signal", "postmaster.pid", "postmaster.opts"] { unlink("\(data)/\(name)") }
        let signal = "\(data)/recovery.signal"
        let descriptor = open(signal, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemError("cannot write", signal) }
        close(descriptor)
        if let user, chown(signal, user.user, user.group) != 0 { throw SystemError("cannot give away", signal) }
        try stayInside(data)
    }

    /// Places that settings name when they do not lie in the data directory, as Debian has them. Here everything lies in it; followed,
    /// they would lead to the files of the database that was backed up.
    private static let places = ["data_directory", "config_file", "hba_file", "ident_file", "external_pid_file"]

    /// Leaves such settings in the file as comments.
    static func stayInside(_ data: String) throws {
        let path = "\(data)/postgresql.conf"
        guard let bytes = FileManager.default.contents(atPath: path) else { return }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        let changed = lines.map { line in
            let name = line.drop { $0 == " " || $0 == "\t" }.prefix { $0.isLetter || $0 == "_" }.lowercased()
            return places.contains(name) ? "# (of the machine that was backed up) \(line)" : String(line)
        }
        guard changed != lines.map(String.init) else { return }
        // In place, so that its owner stays.
        let descriptor = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError("cannot write", path) }
        try FileDescriptorStream(descriptor, path).write(Array(changed.joined(separator: "\n").utf8))
    }

    /// What recovery leaves and a later start has no use for.
    package static func tidy(_ data: String) throws {
        for name in ["backup_label.old", "tablespace_map.old", "postmaster.opts", "backup_manifest"] {
            if unlink("\(data)/\(name)") != 0, errno != ENOENT { throw SystemError("cannot remove", "\(data)/\(name)") }
        }
    }
}

/// The port of a restored server.
package enum Port {
    /// That of its own settings if nobody has it, else one that is free.
    package static func choose(data: String, tools: PostgresTools, user: (user: uid_t, group: gid_t)?) throws -> Int {
        let text = try tools.tool("postgres", ["-D", data, "-C", "port"]).as(user).text()
        if let own = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)), bind(own) != nil { return own }
        guard let free = bind(0) else { throw GuardianError("no port of 127.0.0.1 is free", hint: "name one by --port") }
        return free
    }

    /// The port if it can be had (any for 0); it is let go at once.
    private static func bind(_ port: Int) -> Int? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var reuse: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(clamping: port)).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard Glibc.bind(descriptor, address, size) == 0, getsockname(descriptor, address, &size) == 0 else { return nil }
                return Int(UInt16(bigEndian: UnsafeRawPointer(address).load(as: sockaddr_in.self).sin_port))
            }
        }
    }
}

/// How a person, or a program, starts what was restored.
package enum StartCommand {
    /// Archiving stays off: what is only looked at must not write into the archive of what goes on. Nor into its log, which is watched, and whose folder another
    /// machine does not have: what it says is in `startup.log`. Moved to its place and started as it used to be, it archives and logs again, on its new
    /// timeline.
    package static func text(_ directory: String, tools: PostgresTools, user: (user: uid_t, group: gid_t)?, port: Int?) -> String
    {
        // The socket's path must stay below 107 bytes.
        let sockets = directory.utf8.count < 80 ? directory : "/tmp"
        let options =
            [
                "-c archive_mode=off", "-c logging_collector=off", "-c log_destination=stderr",
                "-c unix_socket_directories=\(Shell.quoted(sockets))",
            ] + (port.map { ["-p \($0)"] } ?? [])
        let words = [
            "\(tools.folder)/pg_ctl", "-D", directory, "-l", "\(directory)/startup.log", "-w", "-t", "600", "-o",
            options.joined(separator: " "), "start",
        ]
        let command = words.map {
            $0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "/-_.".contains($0)) } ? $0 : Shell.quoted($0)
        }
        let prefix = user.map { "cd / && setpriv --reuid=\($0.user) --regid=\($0.group) --clear-groups -- " } ?? ""
        return prefix + command.joined(separator: " ")
    }
}
