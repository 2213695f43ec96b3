// swift-tools-version: 6.2
import PackageDescription

// What every target of ours is compiled with. Warnings are errors in every build, so no separate build has to prove it.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOTLS", package: "swift-nio"),
    .product(name: "NIOSSL", package: "swift-nio-ssl"),
    .product(name: "Logging", package: "swift-log"),
]
let http: [Target.Dependency] = [
    .product(name: "NIOHTTP1", package: "swift-nio"),
    .product(name: "NIOWebSocket", package: "swift-nio"),
]
let startUp: [Target.Dependency] = [
    .product(name: "ArgumentParser", package: "swift-argument-parser"),
    .product(name: "Metrics", package: "swift-metrics"),
    .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
    .product(name: "UnixSignals", package: "swift-service-lifecycle"),
]

func library(_ name: String, _ path: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: path, swiftSettings: settings)
}
func executable(_ name: String, _ path: String, _ service: Target.Dependency) -> Target {
    .executableTarget(
        name: name,
        dependencies: [service, "EverlineService", .product(name: "ArgumentParser", package: "swift-argument-parser")],
        path: path, swiftSettings: settings)
}
func tests(_ name: String, _ path: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, path: path, swiftSettings: settings)
}

let package = Package(
    name: "everline",
    products: [
        .executable(name: "auth", targets: ["auth"]),
        .executable(name: "message-gateway", targets: ["message-gateway"]),
        .executable(name: "history", targets: ["history"]),
        .executable(name: "db-guardian", targets: ["db-guardian"]),
        .executable(name: "load", targets: ["load"]),
    ],
    dependencies: [
        // Event loops, sockets, HTTP/1 and WebSocket framing.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        // TLS 1.3 on NIO's channels.
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        // Ordered start and graceful stop of a service's parts.
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        // One logging interface, also used by the lifecycle package.
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        // One metrics interface; the Prometheus text page behind it is ours, because no exporter is in reach.
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        // Layered configuration: flags over environment over file.
        .package(
            url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["JSON", "CommandLineArguments"]),
        // Subcommands, --help and exit codes of the four executables.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        // Deque: the queues on the message's way.
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        // Percentiles of the load tool; built for `make bench` alone.
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        // Shared: what all services stand on.
        library("EverlineProtocol", "Shared/Protocol"),
        .systemLibrary(
            name: "CCrypto", path: "Shared/CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        library("EverlineCryptography", "Shared/Cryptography", ["CCrypto"]),
        library(
            "EverlineLines", "Shared/Lines", ["EverlineProtocol", .product(name: "Metrics", package: "swift-metrics")] + nio),
        .systemLibrary(name: "CPostgres", path: "Shared/CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        library(
            "EverlinePostgres", "Shared/Postgres",
            [
                "CPostgres", .product(name: "Logging", package: "swift-log"), .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "DequeModule", package: "swift-collections"),
            ]),
        .systemLibrary(
            name: "CHiredis", path: "Shared/CHiredis", providers: [.apt(["libhiredis-dev"])]),
        library(
            "EverlineRedis", "Shared/Redis",
            [
                "CHiredis", "EverlineCryptography", "EverlineProtocol",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Metrics", package: "swift-metrics"),
            ] + nio),
        library(
            "EverlineService", "Shared/Service",
            [
                "EverlineProtocol", "EverlineLines", "EverlinePostgres", "EverlineRedis", "EverlineCryptography",
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ] + startUp + nio),

        // What the gateway and history both read: rooms' counters, the newest messages.
        library(
            "EverlineReading", "Shared/Reading",
            ["EverlineProtocol", "EverlinePostgres", "EverlineRedis", .product(name: "Metrics", package: "swift-metrics")]),

        // What the indexer writes and history reads: folded texts, terms, postings, rollups.
        library("EverlineAnalysis", "Shared/Analysis", ["EverlineProtocol"]),

        // Services. Client: what others may import. Service: rules, storage and wire. Executable: wiring.
        library("AuthClient", "Services/Auth/Client", ["EverlineProtocol", "EverlineLines"]),
        .systemLibrary(name: "CThreads", path: "Services/Auth/CThreads"),
        library(
            "AuthService", "Services/Auth/Service",
            ["EverlineService", "EverlineCryptography", "CThreads", .product(name: "Metrics", package: "swift-metrics")]),
        executable("auth", "Services/Auth/Executable", "AuthService"),

        library("HistoryClient", "Services/History/Client", ["EverlineProtocol", "EverlineLines"]),
        library(
            "HistoryService", "Services/History/Service",
            ["EverlineService", "EverlineReading", "EverlineAnalysis", "EverlineCryptography", "AuthClient"] + nio),
        executable("history", "Services/History/Executable", "HistoryService"),

        // What the page's files go over the wire in; every browser reads gzip.
        .systemLibrary(name: "CZlib", path: "Shared/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        library(
            "GatewayService", "Services/MessageGateway/Service",
            [
                "EverlineService", "EverlineReading", "AuthClient", "HistoryClient", "DBGuardianClient", "EverlineCryptography",
                "CZlib",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Metrics", package: "swift-metrics"),
            ] + nio + http),
        executable("message-gateway", "Services/MessageGateway/Executable", "GatewayService"),

        library("DBGuardianClient", "Services/DBGuardian/Client", ["EverlineProtocol", "EverlineLines"]),
        // What the repository's files are compressed with, before they are encrypted, in one pass; PostgreSQL's tools offer that only for tar.
        .systemLibrary(name: "CZstd", path: "Shared/CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        // The same for those who want it quicker rather than smaller.
        .systemLibrary(name: "CLz4", path: "Shared/CLz4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        library(
            "GuardianService", "Services/DBGuardian/Service",
            [
                "EverlineService", "EverlineAnalysis", "EverlineCryptography", "CZstd", "CLz4",
                .product(name: "Metrics", package: "swift-metrics"),
            ]
                + nio + http
        ),
        executable("db-guardian", "Services/DBGuardian/Executable", "GuardianService"),

        // Tests.
        .executableTarget(
            name: "load",
            dependencies: [
                "EverlineLines", "EverlinePostgres", "EverlineProtocol",
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ] + nio, path: "Tests/Load",
            exclude: [
                "audit.py", "backups.py", "bench.py", "capacity.py", "costs.py", "follow_long.py", "logins.py", "page.py",
                "searching.py",
            ],
            swiftSettings: settings),
        tests("ProtocolTests", "Tests/Protocol", ["EverlineProtocol"]),
        tests("CryptographyTests", "Tests/Cryptography", ["EverlineCryptography"]),
        tests(
            "LinesTests", "Tests/Lines",
            ["EverlineLines", "EverlineProtocol", .product(name: "NIOEmbedded", package: "swift-nio")] + nio),
        tests("PostgresTests", "Tests/Postgres", ["EverlinePostgres", .product(name: "Logging", package: "swift-log")]),
        tests("RedisTests", "Tests/Redis", ["EverlineRedis", "EverlineProtocol"] + nio),
        tests("ReadingTests", "Tests/Reading", ["EverlineReading", "EverlinePostgres", "EverlineProtocol"]),
        tests("AnalysisTests", "Tests/Analysis", ["EverlineAnalysis", "EverlineProtocol"]),
        tests("ServiceTests", "Tests/Service", ["EverlineService", .product(name: "Metrics", package: "swift-metrics")]),
        tests("AuthTests", "Tests/Auth", ["AuthService"]),
        tests("GatewayTests", "Tests/Gateway", ["GatewayService"]),
        tests("GuardianTests", "Tests/Guardian", ["GuardianService", "EverlineCryptography"]),
    ],
    swiftLanguageModes: [.v6]
)
