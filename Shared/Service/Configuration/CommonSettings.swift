package import EverlineLines
package import EverlinePostgres
package import EverlineRedis
import NIOSSL

/// Keys that several services share, and what they make.
extension Setting {
    package static let log = [Setting("log.level", default: "info", "trace, debug, info, notice, warning, error or critical")]

    package static func metrics(port: Int) -> [Setting] {
        [
            Setting("metrics.host", default: "127.0.0.1", "where /metrics, /healthz and /readyz are served"),
            Setting("metrics.port", default: "\(port)", "its port"),
        ]
    }

    package static let postgres = [
        Setting("postgres.conninfo", "libpq connection string, without a password; several hosts may be given"),
        Setting("postgres.passwordFile", default: "", "file that holds the role's password"),
        Setting("postgres.connections", default: "4", "the most connections of the pool"),
    ]

    package static let redis = [
        Setting("redis.host", default: "127.0.0.1", "Redis' host"),
        Setting("redis.port", default: "7379", "Redis' TLS port"),
        Setting(
            "redis.addresses", default: "",
            "in place of these: host:port of Sentinels, or of some nodes of a Cluster, with commas between; they say themselves what they are"
        ),
        Setting("redis.master", default: "", "the master's name, if the Sentinels watch several"),
        Setting("redis.user", "ACL user"),
        Setting("redis.passwordFile", "file that holds the ACL user's password"),
        Setting("redis.serverName", default: "redis", "what Redis' certificate must name"),
    ]

    package static let tls = [
        Setting("tls.ca", "PEM file of the internal authority"),
        Setting("tls.certificate", "PEM file of this service's certificate"),
        Setting("tls.key", "PEM file of its key"),
    ]

    package static func listen(port: Int) -> [Setting] {
        [
            Setting("listen.host", default: "127.0.0.1", "address to listen on"),
            Setting("listen.port", default: "\(port)", "port to listen on"),
        ]
    }
}

extension Settings {
    package func postgres(service: String, onConnect: (@Sendable (PostgresConnection) async throws -> Void)? = nil) throws
        -> PostgresConfiguration
    {
        PostgresConfiguration(
            conninfo: try string("postgres.conninfo"), passwordFile: optional("postgres.passwordFile"), applicationName: service,
            connections: try int("postgres.connections", in: 1...1_000), onConnect: onConnect)
    }

    /// - Parameter tls: what connections are made with.
    package func redis(tls: any TLSContextSource) throws -> RedisConfiguration {
        let servers =
            optional("redis.addresses") == nil
            ? [RedisAddress(host: try string("redis.host"), port: try port("redis.port"))]
            : try addresses("redis.addresses").map { RedisAddress(host: $0.host, port: $0.port) }
        return RedisConfiguration(
            addresses: servers, master: optional("redis.master"), user: try string("redis.user"),
            passwordFile: try string("redis.passwordFile"), serverName: try string("redis.serverName"),
            tls: { tls.now })
    }

    package func tls() throws -> TLSFiles {
        TLSFiles(ca: try string("tls.ca"), certificate: try string("tls.certificate"), key: try string("tls.key"))
    }

    package func addresses(_ key: String) throws -> [LineClient.Address] {
        guard let list = LineClient.Address.list(try string(key)) else {
            throw ConfigurationError("\(key) must be host:port, several with commas between")
        }
        return list
    }
}
