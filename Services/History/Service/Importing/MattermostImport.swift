import EverlineProtocol
import Foundation

/// Reads a bulk export of Mattermost (JSON Lines: version, users, channels, posts with their replies, direct channels and posts) into rooms of its own.
///
/// The file is read twice: first what there is and where it stands, some 40 bytes a post, then the posts of each channel in the order in which they were
/// sent, as there they stand in another.
package struct MattermostImport {
    private let store: ImportStore
    /// Before the name of each room.
    private let prefix: String
    private var rooms: [String: Channel] = [:]
    private var taken: Set<String> = []
    private var posts: [Post] = []
    private var names: [String: String] = [:]
    private var memberships: [String: [String]] = [:]

    private static let batch = 500

    private struct Channel {
        let index: Int32
        let name: String
        let title: String?
        let kind: RoomKind
        var members: [String]
    }
    fileprivate struct Post {
        let channel: Int32
        let at: Int64
        let offset: UInt64
        /// -1 for the post itself.
        let reply: Int32
    }

    /// What was read.
    package struct Summary: Sendable {
        package var rooms = 0
        package var messages: Int64 = 0
        package var users = 0
        /// Lines of kinds that nothing here stands for.
        package var ignored: [String: Int] = [:]
    }
    private var summary = Summary()

    package init(_ store: ImportStore, prefix: String) {
        self.store = store
        self.prefix = prefix
    }

    package mutating func run(_ source: LineSource, progress: (Int64) -> Void) async throws -> Summary {
        while let line = try source.next() { try survey(source.json(line.bytes), line.offset, source.number) }
        guard !posts.isEmpty || !rooms.isEmpty else { throw ImportError("there are neither channels nor posts in it") }
        posts.sort {
            ($0.channel, $0.at, $0.offset, $0.reply) < ($1.channel, $1.at, $1.offset, $1.reply)
        }
        for channel in rooms.values where try await (store.room(channel.name)?.last ?? 0) > 0 {
            throw ImportError("room \(channel.name) holds messages already\nHINT: give the rooms other names with --prefix")
        }
        for (username, displayName) in names.sorted(by: { $0.key < $1.key }) {
            _ = try await store.user(username, displayName: displayName)
        }
        summary.users = names.count
        for channel in rooms.values.sorted(by: { $0.index < $1.index }) {
            try await write(channel, source, progress)
            summary.rooms += 1
        }
        return summary
    }

    // MARK: What there is

    private mutating func survey(_ line: JSON, _ offset: UInt64, _ number: Int) throws {
        guard case .string(let type)? = line["type"] else { throw ImportError("line \(number) has no type") }
        let value = line[type] ?? .null
        switch type {
        case "version":
            guard case .int(1)? = line["version"] else {
                throw ImportError("line \(number): only version 1 of the format is known")
            }
        case "channel":
            let key = try Self.key(value, number)
            let kind: RoomKind = Self.text(value["type"]) == "P" ? .private : .public
            add(key, Self.text(value["name"]) ?? "", Self.text(value["display_name"]), kind)
        case "user":
            guard let username = Self.text(value["username"]) else {
                throw ImportError("line \(number): a user without a username")
            }
            let full = [Self.text(value["first_name"]), Self.text(value["last_name"])].compactMap { $0 }.joined(separator: " ")
            names[username] = String(
                (Self.text(value["nickname"]) ?? (full.isEmpty ? username : full)).prefix(Limits.displayNameCharacters))
            for team in Self.list(value["teams"]) {
                for channel in Self.list(team["channels"]) {
                    guard let team = Self.text(team["name"]), let name = Self.text(channel["name"]) else { continue }
                    memberships["\(team)/\(name)", default: []].append(username)
                }
            }
        case "direct_channel":
            let members = Self.members(value["members"] ?? value["participants"])
            if !members.isEmpty { addDirect(members) }
        case "post", "direct_post":
            let key: String
            if type == "post" {
                key = try "\(Self.text(value["team"]) ?? "")/\(Self.required(value["channel"], "channel", number))"
                if rooms[key] == nil { add(key, Self.text(value["channel"]) ?? "", nil, .public) }
            } else {
                let members = Self.members(value["channel_members"])
                guard !members.isEmpty else { throw ImportError("line \(number): a direct post without channel_members") }
                key = Self.directKey(members)
                addDirect(members)
            }
            guard let channel = rooms[key] else { return }
            if Self.text(value["type"])?.hasPrefix("system_") == true { return }
            // Before anything is made: what has no author is no post.
            _ = try Self.required(value["user"], "user", number)
            posts.append(try Post(channel: channel.index, at: Self.time(value, number), offset: offset, reply: -1))
            for (index, reply) in Self.list(value["replies"]).enumerated() {
                _ = try Self.required(reply["user"], "user", number)
                posts.append(try Post(channel: channel.index, at: Self.time(reply, number), offset: offset, reply: Int32(index)))
            }
        default: summary.ignored[type, default: 0] += 1
        }
    }

    private mutating func add(_ key: String, _ name: String, _ title: String?, _ kind: RoomKind) {
        guard rooms[key] == nil else { return }
        // Two teams may each have a channel of the name.
        let isTaken = taken.contains(prefix + name)
        rooms[key] = Channel(
            index: Int32(rooms.count), name: free(isTaken ? key.replacing("/", with: " ") : name),
            title: title.map { String($0.prefix(Limits.titleCharacters)) }, kind: kind, members: [])
    }

    /// A name that no other room of the file has, short enough.
    private mutating func free(_ name: String) -> String {
        var (found, number) = (String((prefix + name).prefix(Limits.roomCharacters)), 1)
        while !taken.insert(found).inserted {
            number += 1
            let end = " \(number)"
            found = (prefix + name).prefix(Limits.roomCharacters - end.count) + end
        }
        return found
    }
    private mutating func addDirect(_ members: [String]) {
        let key = Self.directKey(members)
        guard rooms[key] == nil else { return }
        let title = members.joined(separator: ", ")
        rooms[key] = Channel(
            index: Int32(rooms.count), name: free(title), title: String(title.prefix(Limits.titleCharacters)), kind: .private,
            members: members)
    }

    // MARK: Writing

    private mutating func write(_ channel: Channel, _ source: LineSource, _ progress: (Int64) -> Void) async throws {
        let low = posts.partition(before: channel.index)
        let high = posts.partition(before: channel.index + 1)
        let key = rooms.first { $0.value.index == channel.index }?.key ?? ""
        var members = channel.members + (memberships[key] ?? [])
        var room: ImportStore.Room?
        var waiting: [ImportedMessage] = []
        var senders: Set<String> = []
        var (last, seqs): (Int64, [UInt64: Int64]) = (0, [:])
        var known: (offset: UInt64, post: JSON)?
        for post in posts[low..<high] {
            let value: JSON
            if let known, known.offset == post.offset {
                value = known.post
            } else {
                let line = try source.json(source.line(at: post.offset))
                value = line["post"] ?? line["direct_post"] ?? .null
                known = (post.offset, value)
            }
            let one = post.reply < 0 ? value : Self.list(value["replies"])[Int(post.reply)]
            let sender = try Self.required(one["user"], "user", source.number)
            senders.insert(sender)
            if room == nil {
                let owner = members.first ?? sender
                room = try await store.room(channel.name)
                if room == nil { room = try await store.make(channel.name, channel.kind, title: channel.title, owner: owner) }
            }
            for body in Self.bodies(one) {
                var message = ImportedMessage(
                    sender: sender, body: body, sentAt: Timestamp(milliseconds: post.at), clientID: WireUUID())
                if post.reply >= 0 { message.replyTo = seqs[post.offset] }
                if case .int(let edited)? = one["edit_at"], edited > 0 { message.editedAt = Timestamp(milliseconds: edited) }
                for reaction in Self.list(one["reactions"]) {
                    if let user = Self.text(reaction["user"]), let name = Self.text(reaction["emoji_name"]),
                        name.count <= Limits.reactionCharacters
                    {
                        message.reactions.append((name, user))
                    }
                }
                waiting.append(message)
                if post.reply < 0, seqs[post.offset] == nil { seqs[post.offset] = last + Int64(waiting.count) }
                if waiting.count >= Self.batch, let room {
                    try await store.append(waiting, to: room.id, after: last)
                    last += Int64(waiting.count)
                    summary.messages += Int64(waiting.count)
                    waiting = []
                    progress(summary.messages)
                }
            }
        }
        if room == nil, let owner = members.first {
            room = try await store.room(channel.name)
            if room == nil { room = try await store.make(channel.name, channel.kind, title: channel.title, owner: owner) }
        }
        guard let room else { return }
        if !waiting.isEmpty { try await store.append(waiting, to: room.id, after: last) }
        summary.messages += Int64(waiting.count)
        if members.isEmpty { members = senders.sorted() }
        try await store.enter(room.id, members)
    }

    /// A text that is too long is several messages; of files their names are kept.
    private static func bodies(_ post: JSON) -> [String] {
        var text = text(post["message"]) ?? ""
        let files = list(post["attachments"]).compactMap {
            self.text($0["path"]).map { "[\($0.split(separator: "/").last ?? "")]" }
        }
        if !files.isEmpty { text += (text.isEmpty ? "" : "\n") + files.joined(separator: " ") }
        guard text.contains(where: { !$0.isWhitespace }) else { return ["[…]"] }
        var parts: [String] = []
        var part = ""
        for character in text {
            if part.utf8.count + character.utf8.count > Limits.body {
                parts.append(part)
                part = ""
            }
            part.append(character)
        }
        return parts + [part]
    }

    private static func text(_ value: JSON?) -> String? {
        guard case .string(let text)? = value else { return nil }
        // PostgreSQL holds no NUL.
        let held = text.replacing("\0", with: "")
        return held.isEmpty ? nil : held
    }
    private static func list(_ value: JSON?) -> [JSON] { if case .array(let all)? = value { all } else { [] } }
    private static func required(_ value: JSON?, _ name: String, _ number: Int) throws -> String {
        guard let text = text(value) else { throw ImportError("line \(number): a post without \(name)") }
        return text
    }
    private static func key(_ channel: JSON, _ number: Int) throws -> String {
        guard let name = text(channel["name"]) else { throw ImportError("line \(number): a channel without a name") }
        return "\(text(channel["team"]) ?? "")/\(name)"
    }
    private static func time(_ post: JSON, _ number: Int) throws -> Int64 {
        guard case .int(let at)? = post["create_at"], 1..<(1 << 45) ~= at else {
            throw ImportError("line \(number): a post without create_at")
        }
        return at
    }
    /// Names, or objects that hold them in later versions.
    private static func members(_ value: JSON?) -> [String] {
        list(value).compactMap { text($0) ?? text($0["username"]) }.sorted()
    }
    private static func directKey(_ members: [String]) -> String { "direct:" + members.joined(separator: ",") }
}

fileprivate extension [MattermostImport.Post] {
    func partition(before channel: Int32) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle].channel < channel { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
