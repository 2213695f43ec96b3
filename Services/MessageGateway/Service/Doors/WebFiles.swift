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
    }

    private let files: [String: File]

    private static let types = [
        "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
        "svg": "image/svg+xml", "png": "image/png", "json": "application/json", "webmanifest": "application/manifest+json",
        "woff2": "font/woff2", "txt": "text/plain; charset=utf-8",
    ]

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
            let bytes = Array(data)
            files["/\(name)"] = File(
                type: type, tag: "\"\(Hex.encode(DigestAlgorithm.sha256.digest(bytes)).prefix(20))\"",
                body: ByteBuffer(bytes: bytes))
        }
        files["/"] = files["/index.html"]
        self.files = files
    }

    subscript(path: String) -> File? { files[path] }
}
