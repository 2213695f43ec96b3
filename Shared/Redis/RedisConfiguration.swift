package import NIOSSL

package struct RedisConfiguration: Sendable {
    /// Of one server, of Sentinels, or of some nodes of a Cluster: which it is they say themselves.
    package let addresses: [RedisAddress]
    /// The name of the master, for Sentinels that watch several.
    package var master: String?
    /// The ACL user, and the file that holds its password; read anew for each connection.
    package let user: String
    package let passwordFile: String
    /// What the certificate of each server must name.
    package let serverName: String
    /// Asked for each connection.
    package let tls: @Sendable () -> NIOSSLContext
    /// The most commands, and their bytes, that wait for replies on one connection.
    package var mostCommands = 10_000
    package var mostBytes = 33_554_432
    /// After how long without a word from it, though it is asked every two seconds, a server is taken for gone.
    package var silence = Duration.seconds(5)

    package init(
        addresses: [RedisAddress], master: String? = nil, user: String, passwordFile: String, serverName: String,
        tls: @escaping @Sendable () -> NIOSSLContext
    ) {
        self.addresses = addresses
        self.master = master
        self.user = user
        self.passwordFile = passwordFile
        self.serverName = serverName
        self.tls = tls
    }
}
