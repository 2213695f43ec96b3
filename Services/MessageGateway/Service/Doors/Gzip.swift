internal import CZlib

/// gzip (RFC 1952), in one go; for what is packed once and sent often.
enum Gzip {
    /// - Returns: `nil` if zlib has no memory for it.
    static func pack(_ bytes: [UInt8]) -> [UInt8]? {
        var stream = z_stream()
        guard everline_deflate_init_gzip(&stream) == Z_OK else { return nil }
        defer { deflateEnd(&stream) }
        var bytes = bytes
        let bound = Int(deflateBound(&stream, UInt(bytes.count)))
        let packed = bytes.withUnsafeMutableBufferPointer { input in
            [UInt8](unsafeUninitializedCapacity: bound) { output, count in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                count = deflate(&stream, Z_FINISH) == Z_STREAM_END ? Int(stream.total_out) : 0
            }
        }
        return packed.isEmpty ? nil : packed
    }
}
