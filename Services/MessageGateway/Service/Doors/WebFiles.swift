import EverlineCryptography
import EverlineService
import Foundation
import NIOCore

/// The page's files, read once into memory.
struct WebFiles: Sendable {
    struct File: Sendable {
        let type: String
        let tag: String
        let body: ByteBuffer
        /// The same in gzip, if that is shorter.
        let packed: ByteBuffer?
    }

    private let files: [String: File]
    private let page: File

    private static let types = [
        "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
        "svg": "image/svg+xml", "png": "image/png", "json": "application/json", "webmanifest": "application/manifest+json",
        "woff2": "font/woff2", "txt": "text/plain; charset=utf-8",
    ]

    /// Addresses within the page, which a reload or a link brings here: the page itself finds its way from there.
    private static let places = ["/room/", "/search", "/account", "/admin"]

    init(root: String) throws {
        guard let names = FileManager.default.enumerator(atPath: root)?.compactMap({ $0 as? String }),
            names.contains("index.html")
        else {
            throw ConfigurationError("web.root has no index.html: \(root)")
        }
        var files: [String: File] = [:]
        for name in names {
            guard let type = Self.types[String(name.split(separator: ".").last ?? "")],
                let data = FileManager.default.contents(atPath: "\(root)/\(name)")
            else { continue }
            files["/\(name)"] = Self.file(type, Array(data))
        }
        guard let page = files["/index.html"] else { throw ConfigurationError("web.root has no readable index.html: \(root)") }
        // By this an open page notices that the server has another page than it is.
        let tags = files.sorted { $0.key < $1.key }.map { $0.key + $0.value.tag }.joined()
        files["/version.txt"] = Self.file("text/plain; charset=utf-8", Array(Self.digest(Array(tags.utf8)).utf8))
        files["/"] = page
        self.files = files
        self.page = page
    }

    subscript(path: String) -> File? {
        if let file = files[path] { return file }
        let isPlace = Self.places.contains { path.hasPrefix($0) && ($0.hasSuffix("/") || path == $0 || path.hasPrefix($0 + "/")) }
        return isPlace ? page : nil
    }

    private static func file(_ type: String, _ bytes: [UInt8]) -> File {
        let packed = type.hasPrefix("image/png") || type.hasPrefix("font/") ? nil : Gzip.pack(bytes)
        return File(
            type: type, tag: "\"\(digest(bytes))\"", body: ByteBuffer(bytes: bytes),
            packed: packed.flatMap { $0.count < bytes.count ? ByteBuffer(bytes: $0) : nil })
    }

    private static func digest(_ bytes: [UInt8]) -> String {
        String(Hex.encode(DigestAlgorithm.sha256.digest(bytes)).prefix(20))
    }
}
