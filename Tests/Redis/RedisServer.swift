import EverlineRedis
import Foundation
import NIOSSL

/// A private Redis with TLS and an ACL user in a temporary folder, gone when the test process is.
final class RedisServer: Sendable {
    static let shared = RedisServer()

    let folder: String
    let port: Int

    init() {
        folder = NSTemporaryDirectory() + "everline-redis-\(UUID().uuidString)"
        let made = Self.run(
            #"""
            set -eu
            mkdir -p "$1"; cd "$1"
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=redis -addext subjectAltName=DNS:redis \
                -keyout key.pem -out ca.pem
            printf 'user default off\nuser tester on >pässwort ~* &* +@all\n' >users.acl
            printf 'pässwort' >password
            printf 'bind 127.0.0.1\nport 0\ntls-cert-file ca.pem\ntls-key-file key.pem\ntls-ca-cert-file ca.pem\ntls-auth-clients no\naclfile users.acl\nsave ""\nlogfile log\n' >redis.conf
            """#, [folder])
        precondition(made, "no Redis could be set up")
        // A port below those that the system gives out, and nobody's; if somebody else was faster, another one.
        var found: Int?
        for _ in 0..<1_000 where found == nil {
            let candidate = Int.random(in: 20_000..<32_000)
            if Self.isFree(candidate), Self.launch(folder, candidate) { found = candidate }
        }
        guard let found else { preconditionFailure("no Redis could be started: see \(folder)/log") }
        port = found
    }

    func start() {
        let isThere = Self.launch(folder, port)
        precondition(isThere, "Redis did not start again: see \(folder)/log")
    }

    /// Returns when it listens and its process is known, so that it can be stopped from then on; false if it ended instead.
    private static func launch(_ folder: String, _ port: Int) -> Bool {
        for name in ["pid", "log"] { unlink("\(folder)/\(name)") }
        // Ends with the tests, however they end. What it inherits, such as another test's listening socket, it closes.
        let child = spawn(
            #"for fd in /proc/self/fd/*; do fd=${fd##*/}; [ "$fd" -gt 2 ] && [ "$fd" -ne 255 ] && eval "exec $fd>&-"; done; cd "$1"; redis-server redis.conf --tls-port "$3" & child=$!; echo $child >pid; while kill -0 "$2" 2>/dev/null && kill -0 $child; do sleep 0.1; done; kill -0 "$2" || { kill -9 $child; rm -rf "$1"; }"#,
            [folder, "\(getpid())", "\(port)"])
        guard child > 0 else { return false }
        while process(folder) == nil || !isReady(folder) {
            var status: Int32 = 0
            if waitpid(child, &status, WNOHANG) != 0 { return false }
            usleep(5_000)
        }
        return true
    }

    private static func process(_ folder: String) -> pid_t? {
        guard let text = try? String(contentsOfFile: "\(folder)/pid", encoding: .utf8), text.hasSuffix("\n") else { return nil }
        return pid_t(text.dropLast())
    }

    private static func isReady(_ folder: String) -> Bool {
        (try? String(contentsOfFile: "\(folder)/log", encoding: .utf8))?.contains("Ready to accept connections") == true
    }

    /// As a crash would. (Not by Foundation's Process, which waits for whatever inherited its socket.)
    func stop() { send(SIGKILL) }
    /// From now on it accepts and swallows everything.
    func pause() { send(SIGSTOP) }
    func goOn() { send(SIGCONT) }

    private func send(_ signal: Int32) { if let process = Self.process(folder) { kill(process, signal) } }

    /// It is not taken for gone because the machine stood still: whoever tests that sets `silence`.
    func configuration(user: String = "tester", serverName: String = "redis") throws -> RedisConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .file("\(folder)/ca.pem")
        tls.minimumTLSVersion = .tlsv13
        let context = try NIOSSLContext(configuration: tls)
        var configuration = RedisConfiguration(
            addresses: [RedisAddress(host: "127.0.0.1", port: port)], user: user, passwordFile: "\(folder)/password",
            serverName: serverName,
            tls: { context })
        configuration.silence = .seconds(600)
        return configuration
    }

    private static func isFree(_ port: Int) -> Bool {
        let handle = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(handle) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(handle, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private static func run(_ script: String, _ arguments: [String]) -> Bool {
        var status: Int32 = -1
        let child = spawn(script, arguments)
        return child > 0 && waitpid(child, &status, 0) == child && status == 0
    }

    /// Not Foundation's Process: that takes a closed socket of its own for the end, and waits for whatever inherited it.
    private static func spawn(_ script: String, _ arguments: [String]) -> pid_t {
        var pointers: [UnsafeMutablePointer<CChar>?] = (["bash", "-c", "exec >/dev/null 2>&1; " + script, "bash"] + arguments).map
        {
            (text: String) -> UnsafeMutablePointer<CChar>? in strdup(text)
        }
        defer { pointers.forEach { free($0) } }
        pointers.append(nil)
        var child = pid_t()
        return posix_spawn(&child, "/bin/bash", nil, nil, pointers, environ) == 0 ? child : -1
    }
}
