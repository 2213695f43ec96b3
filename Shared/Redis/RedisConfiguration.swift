package import NIOSSL

package struct RedisConfiguration: Sendable {
    package let host: String
    package let port: Int
    /// The ACL user, and the file that holds its password; read anew for each connection.
    package let user: String
    package let passwordFile: String
    /// What the server's certificate must name.
    package let serverName: String
    /// Asked for each connection.
    package let tls: @Sendable () -> NIOSSLContext
    /// The most commands, and their bytes, that wait for replies on one connection.
    package var mostCommands = 10_000
    package var mostBytes = 33_554_432

    package init(
        host: String, port: Int, user: String, passwordFile: String, serverName: String,
        tls: @escaping @Sendable () -> NIOSSLContext
    ) {
        self.host = host
        self.port = port
        self.user = user
        self.passwordFile = passwordFile
        self.serverName = serverName
        self.tls = tls
    }
}
