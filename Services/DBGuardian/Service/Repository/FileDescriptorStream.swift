import Foundation

/// A file descriptor, closed when nobody holds this any more.
package final class FileDescriptorStream: StoredFile, Sink {
    package private(set) var descriptor: Int32
    private let name: String

    package init(_ descriptor: Int32, _ name: String) {
        self.descriptor = descriptor
        self.name = name
    }

    deinit { end() }

    package func end() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    /// As it is now.
    package var size: Int {
        get throws {
            var status = stat()
            guard fstat(descriptor, &status) == 0 else { throw SystemError("cannot look at", name) }
            return Int(status.st_size)
        }
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        var filled = 0
        while filled < buffer.count {
            let count = Glibc.read(descriptor, buffer.baseAddress! + filled, buffer.count - filled)
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw SystemError("cannot read", name)
            }
            filled += count
        }
        return filled
    }

    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        var written = 0
        while written < bytes.count {
            let count = Glibc.write(descriptor, bytes.baseAddress! + written, bytes.count - written)
            if count < 0 {
                if errno == EINTR { continue }
                throw SystemError("cannot write", name)
            }
            written += count
        }
    }

    package func synchronize() throws {
        guard fsync(descriptor) == 0 else { throw SystemError("cannot make durable", name) }
    }
}

/// A system call that failed: what was tried, on what, and the system's reason.
package struct SystemError: Said, CustomStringConvertible {
    package let number: Int32
    private let what: String
    private let name: String

    package init(_ what: String, _ name: String, number: Int32 = errno) {
        self.what = what
        self.name = name
        self.number = number
    }

    package var description: String {
        let text = "\(what) \(name): \(String(cString: strerror(number)))"
        switch number {
        case ENOSPC, EDQUOT: return text + "\nHINT: make room, or let `db-guardian backup prune` say what may go"
        case EROFS: return text + "\nHINT: it is mounted read-only; look at `mount` and the system's log"
        case EACCES, EPERM: return text + "\nHINT: run as the user whom it belongs to, or as root"
        case ENOENT: return text + "\nHINT: is it mounted? is the path in the configuration right?"
        default: return text + "\nHINT: the system's log (dmesg, journalctl) may say more"
        }
    }
    package var said: (kind: Saying.Kind, values: [String: Saying.Value]) {
        let kind: Saying.Kind =
            switch number {
            case ENOSPC, EDQUOT: .full
            case EROFS: .readOnly
            case EACCES, EPERM: .denied
            case ENOENT: .missingFile
            default: .system
            }
        return (kind, ["file": .text(name), "text": .text("\(what): \(String(cString: strerror(number)))")])
    }
}
