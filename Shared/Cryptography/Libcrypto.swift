internal import CCrypto

package enum Libcrypto {
    /// To be called before anything else of it. By itself libcrypto takes itself down within `exit` (OPENSSL_init_crypto(3)), and other threads that are
    /// in it yet, decrypting or hashing, crash.
    package static func stayUntilTheEnd() {
        _ = OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_ATEXIT), nil)
    }
}
