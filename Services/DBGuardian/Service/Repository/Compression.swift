internal import CLz4
internal import CZstd
import Foundation

/// How a chunk is made smaller; the number stands in a file's header.
package enum Compression: UInt8, Sendable {
    case none = 0
    case zstd = 1
    case lz4 = 2

    private static let level: Int32 = 1

    package init(setting: String) throws {
        switch setting {
        case "zstd": self = .zstd
        case "lz4": self = .lz4
        default:
            throw GuardianError(
                "repository.compression is zstd or lz4, not \"\(setting)\"", hint: "zstd is the smaller, lz4 the quicker")
        }
    }

    /// - Parameter room: bytes that are left free in front, and reserved behind.
    func pack(_ plain: UnsafeRawBufferPointer, room: (before: Int, behind: Int)) throws -> [UInt8] {
        let bound =
            switch self {
            case .none: plain.count
            case .zstd: ZSTD_compressBound(plain.count)
            case .lz4: Int(LZ4_compressBound(Int32(plain.count)))
            }
        var size: Int?
        let stored = [UInt8](unsafeUninitializedCapacity: room.before + bound + room.behind) { buffer, count in
            buffer[..<room.before].initialize(repeating: 0)
            size = compress(
                plain, into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[room.before...]), bound
            )
            count = room.before + (size ?? 0)
        }
        guard size != nil else { throw GuardianError("a chunk could not be compressed", hint: "is there memory left?") }
        return stored
    }

    /// - Returns: how many bytes it became; nil if it failed.
    private func compress(_ plain: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, _ bound: Int) -> Int? {
        switch self {
        case .none:
            target.copyMemory(from: plain)
            return plain.count
        case .zstd:
            let size = ZSTD_compress(target.baseAddress, bound, plain.baseAddress, plain.count, Self.level)
            return ZSTD_isError(size) == 0 ? size : nil
        case .lz4:
            let size = LZ4_compress_default(
                plain.baseAddress?.assumingMemoryBound(to: CChar.self), target.baseAddress?.assumingMemoryBound(to: CChar.self),
                Int32(plain.count), Int32(bound))
            return size > 0 ? Int(size) : nil
        }
    }

    /// - Returns: nil if it is not what was made by `pack`, or longer than the limit.
    func unpack(_ stored: [UInt8], limit: Int) -> [UInt8]? {
        if self == .none { return stored.count <= limit ? stored : nil }
        var isWhole = false
        let plain = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            if self == .zstd {
                let size = ZSTD_decompress(buffer.baseAddress, buffer.count, stored, stored.count)
                isWhole = ZSTD_isError(size) == 0
                count = isWhole ? size : 0
            } else {
                let size = stored.withUnsafeBytes { bytes in
                    UnsafeMutableRawBufferPointer(buffer).withMemoryRebound(to: CChar.self) { target in
                        LZ4_decompress_safe(
                            bytes.baseAddress?.assumingMemoryBound(to: CChar.self), target.baseAddress, Int32(stored.count),
                            Int32(limit))
                    }
                }
                isWhole = size >= 0
                count = Int(max(0, size))
            }
        }
        return isWhole ? plain : nil
    }
}
