import CoreMetrics
import EverlineService
import Foundation
import Testing

@Suite struct SettingsTests {
    private let declared = [
        Setting("listen.port", default: "7501", "port"), Setting("postgres.passwordFile", "a file"),
        Setting("log.level", default: "info", "level"),
    ]

    private func settings(_ json: String?, _ environment: [String: String] = [:], _ arguments: [String] = []) async throws
        -> Settings
    {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("settings-\(UUID().uuidString).json").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        if let json { try json.write(toFile: file, atomically: true, encoding: .utf8) }
        return try await Settings(
            service: "auth", declared: declared, arguments: arguments, file: json == nil ? nil : file,
            environment: environment.merging(["EVERLINE_HOME": "/nonexistent"]) { old, _ in old })
    }

    @Test func flagsOverEnvironmentOverFileOverDefaults() async throws {
        let json = #"{"listen": {"port": 1}, "postgres": {"passwordFile": "file"}}"#
        #expect(try await settings(nil).int("listen.port", in: 0...65_535) == 7_501)
        #expect(try await settings(json).port("listen.port") == 1)
        #expect(try await settings(json, ["EVERLINE_LISTEN_PORT": "2"]).port("listen.port") == 2)
        #expect(try await settings(json, ["EVERLINE_LISTEN_PORT": "2"], ["--listen-port", "3"]).port("listen.port") == 3)
        #expect(try await settings(json, [:], ["--listen-port=4"]).port("listen.port") == 4)
        #expect(try await settings(json).string("postgres.passwordFile") == "file")
        #expect(try await settings(json, ["EVERLINE_POSTGRES_PASSWORD_FILE": "other"]).string("postgres.passwordFile") == "other")
        #expect(try await settings(json, [:], ["--postgres-password-file", "third"]).string("postgres.passwordFile") == "third")
        #expect(
            try await settings(json, [:], ["--postgres-password-file", "one,two"]).string("postgres.passwordFile") == "one,two")
    }

    @Test func mistakesAreNamed() async throws {
        await #expect(throws: ConfigurationError.self) { try await settings("{nonsense") }
        await #expect(throws: ConfigurationError.self) { try await settings(nil, [:], ["--listen-prt", "1"]) }
        let error = await #expect(throws: ConfigurationError.self) { try await settings(nil).string("postgres.passwordFile") }
        #expect(error?.description.contains("EVERLINE_POSTGRES_PASSWORD_FILE") == true)
        await #expect(throws: ConfigurationError.self) {
            try await settings(nil, ["EVERLINE_LISTEN_PORT": "70000"]).port("listen.port")
        }
        await #expect(throws: ConfigurationError.self) {
            try await Settings(service: "auth", declared: declared, arguments: [], file: "/nonexistent/file", environment: [:])
        }
    }
}

@Suite struct PrometheusTests {
    @Test func textFormat() {
        let prometheus = Prometheus(service: "test")
        prometheus.makeCounter(label: "hits_total", dimensions: [("path", "a\"b")]).increment(by: 3)
        prometheus.makeCounter(label: "hits_total", dimensions: [("path", "a\"b")]).increment(by: 2)
        prometheus.makeTimer(label: "took_seconds", dimensions: []).recordNanoseconds(3_000_000)
        let page = prometheus.page
        #expect(page.contains("# TYPE hits_total counter\nhits_total{path=\"a\\\"b\"} 5\n"))
        #expect(page.contains("took_seconds_bucket{le=\"0.002\"} 0\n"))
        #expect(page.contains("took_seconds_bucket{le=\"0.004\"} 1\n"))
        #expect(page.contains("took_seconds_sum 0.003\ntook_seconds_count 1\n"))
    }
}
