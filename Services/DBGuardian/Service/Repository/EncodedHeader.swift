import EverlineCryptography

/// The beginning of each encoded file (Documentation/repository.md):
///
///     "EVERLINE"  8    magic
///     version     1    1
///     compression 1    0 none, 1 zstd, 2 lz4
///     encryption  1    0 none, 1 AES-256-GCM
///     reserved    1    0
///     key         8    id of the key, zeroes without encryption
///     salt       16    random; makes the file's own key
///     length      4    of the information, big endian
///     information …    JSON: what the file is, readable without the key; authenticated with the first chunk
struct EncodedHeader {
    static let magic = Array("EVERLINE".utf8)
    static let fixedSize = 40
    static let informationLimit = 64 << 10
    /// Plain bytes a chunk; each is compressed and encrypted on its own, so that several cores can work on a file.
    static let chunkSize = 1 << 20

    let compression: Compression
    let keyID: [UInt8]?
    let salt: [UInt8]
    let information: [UInt8]

    var bytes: [UInt8] {
        Self.magic + [1, compression.rawValue, keyID == nil ? 0 : 1, 0] + (keyID ?? [UInt8](repeating: 0, count: 8)) + salt
            + withUnsafeBytes(of: UInt32(information.count).bigEndian) { Array($0) } + information
    }

    /// Reads it from the front of a file.
    init(from file: any StoredFile, name: String) throws {
        let fixed = try file.take(Self.fixedSize, name)
        guard Array(fixed[..<8]) == Self.magic else { throw DamageError(name, "it does not begin as a file of the repository") }
        guard fixed[8] == 1, let compression = Compression(rawValue: fixed[9]), fixed[10] <= 1, fixed[11] == 0,
            fixed[10] == 1 || fixed[12..<20].allSatisfy({ $0 == 0 })
        else {
            throw DamageError(name, "its header is of another version, or damaged")
        }
        let length = Int(fixed[36]) << 24 | Int(fixed[37]) << 16 | Int(fixed[38]) << 8 | Int(fixed[39])
        guard length <= Self.informationLimit else { throw DamageError(name, "its header is damaged") }
        self.compression = compression
        keyID = fixed[10] == 1 ? Array(fixed[12..<20]) : nil
        salt = Array(fixed[20..<36])
        information = try file.take(length, name)
    }

    init(compression: Compression, keyID: [UInt8]?, salt: [UInt8], information: [UInt8]) {
        precondition(information.count <= Self.informationLimit)
        self.compression = compression
        self.keyID = keyID
        self.salt = salt
        self.information = information
    }

    /// The file's own key: bound to the whole header and to the file's name, so that neither can be changed or exchanged
    /// unnoticed.
    func fileKey(_ key: [UInt8], name: String) -> [UInt8] {
        HMAC.sha256(key: key, Array("everline file\0".utf8) + Array(name.utf8) + [0] + bytes)
    }
}

/// A file of the repository that is not what was written there.
package struct DamageError: Said, CustomStringConvertible {
    package let artefact: String
    package let problem: String

    package init(_ artefact: String, _ problem: String) {
        self.artefact = artefact
        self.problem = problem
    }
    package var description: String {
        "\(artefact) is damaged: \(problem)\nHINT: `db-guardian backup verify` lists all that is damaged; another repository or backup may be whole"
    }
    package var said: (kind: Saying.Kind, values: [String: Saying.Value]) {
        (.damaged, ["file": .text(artefact), "text": .text(problem)])
    }
}

extension StoredFile {
    /// Exactly so many bytes.
    func take(_ count: Int, _ name: String) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = try bytes.withUnsafeMutableBytes { try read(into: $0) }
        guard got == count else { throw DamageError(name, "it ends too early") }
        return bytes
    }
}
