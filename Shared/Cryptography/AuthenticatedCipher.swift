internal import CCrypto

/// AES-256-GCM (NIST SP 800-38D) with 96-bit nonces and 128-bit tags. One key, any number of messages, each under a nonce of its own.
/// Not shared between threads; not copied, because libcrypto's state is not.
package struct AuthenticatedCipher: ~Copyable {
    package static let keySize = 32
    package static let nonceSize = 12
    package static let tagSize = 16

    private let context: OpaquePointer
    private let key: [UInt8]

    package init(key: [UInt8]) {
        precondition(key.count == Self.keySize)
        guard let context = EVP_CIPHER_CTX_new() else { preconditionFailure("libcrypto has no memory for a cipher") }
        self.context = context
        self.key = key
    }

    deinit { EVP_CIPHER_CTX_free(context) }

    /// Encrypts `text` in place and returns the tag over it and `associated`.
    package mutating func seal(_ text: UnsafeMutableRawBufferPointer, nonce: [UInt8], associated: [UInt8])
        throws(CryptographyError)
        -> [UInt8]
    {
        precondition(nonce.count == Self.nonceSize && text.count <= Int(Int32.max))
        let bytes = text.bindMemory(to: UInt8.self)
        var length: Int32 = 0
        var end: UInt8 = 0
        var tag = [UInt8](repeating: 0, count: Self.tagSize)
        guard EVP_EncryptInit_ex2(context, EVP_aes_256_gcm(), key, nonce, nil) == 1,
            EVP_EncryptUpdate(context, nil, &length, associated, Int32(associated.count)) == 1,
            bytes.isEmpty
                || EVP_EncryptUpdate(context, bytes.baseAddress, &length, bytes.baseAddress, Int32(bytes.count)) == 1,
            EVP_EncryptFinal_ex(context, &end, &length) == 1,
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagSize), &tag) == 1
        else { throw CryptographyError.last("AES-256-GCM") }
        return tag
    }

    /// Decrypts `text` in place. What it holds must not be used when the answer is false: something of text, tag, nonce, key or `associated` is
    /// another than when it was sealed.
    package mutating func open(
        _ text: UnsafeMutableRawBufferPointer, tag: [UInt8], nonce: [UInt8], associated: [UInt8]
    ) throws(CryptographyError) -> Bool {
        precondition(nonce.count == Self.nonceSize && tag.count == Self.tagSize && text.count <= Int(Int32.max))
        let bytes = text.bindMemory(to: UInt8.self)
        var length: Int32 = 0
        var end: UInt8 = 0
        var tag = tag
        guard EVP_DecryptInit_ex2(context, EVP_aes_256_gcm(), key, nonce, nil) == 1,
            EVP_DecryptUpdate(context, nil, &length, associated, Int32(associated.count)) == 1,
            bytes.isEmpty
                || EVP_DecryptUpdate(context, bytes.baseAddress, &length, bytes.baseAddress, Int32(bytes.count)) == 1,
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagSize), &tag) == 1
        else { throw CryptographyError.last("AES-256-GCM") }
        let genuine = EVP_DecryptFinal_ex(context, &end, &length) == 1
        ERR_clear_error()
        return genuine
    }
}
