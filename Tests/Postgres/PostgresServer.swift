import EverlinePostgres
import Foundation
import Logging

/// A private PostgreSQL with TLS and SCRAM in a temporary folder: stopped and removed when the test process ends, however it ends.
/// `@unchecked Sendable`: all is set once, in `init`.
final class PostgresServer: @unchecked Sendable {
    /// The one that tests share; each keeps to its own tables.
    static let shared = PostgresServer()

    let folder: String
    let port: Int
    private let script: String

    /// Role `everline_test` owns database `scratch`.
    init() {
        port = Self.freePort()
        folder = "/tmp/everline-postgres-\(getpid())-\(port)"
        script = "\(folder)/server.sh"
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try? Self.text.write(toFile: script, atomically: true, encoding: .utf8)
        let log = run("create")
        if let log { fatalError("no private PostgreSQL could be made: \(log)") }
    }

    func stop() { _ = run("stop") }
    func start() { _ = run("start") }
    /// As a standby of a primary that is not there.
    func startAsStandby() { _ = run("standby") }
    func promote() { _ = run("promote") }

    var caFile: String { "\(folder)/ca.pem" }
    var otherCAFile: String { "\(folder)/other-ca.pem" }
    var passwordFile: String { "\(folder)/password" }

    func conninfo(host: String = "127.0.0.1", port: String? = nil, ca: String? = nil) -> String {
        "host=\(host) port=\(port ?? "\(self.port)") dbname=scratch user=everline_test sslmode=verify-full sslrootcert=\(ca ?? caFile)"
    }

    func configuration(
        connections: Int = 4, waiting: Int = 256, inFlight: Int = 256, cancelGrace: Duration = .seconds(5),
        onConnect: (@Sendable (PostgresConnection) async throws -> Void)? = nil
    ) -> PostgresConfiguration {
        var configuration = PostgresConfiguration(
            conninfo: conninfo(), passwordFile: passwordFile, connections: connections, waiting: waiting, inFlight: inFlight,
            cancelGrace: cancelGrace, onConnect: onConnect)
        // The bound is the process's, and here all tests are one process: some cancel many statements at once.
        configuration.cancelRequests = 256
        return configuration
    }

    /// What went wrong, if anything. Not Foundation's Process: that waits until the server, which inherits its socket, has ended too.
    private func run(_ verb: String) -> String? {
        var arguments: [UnsafeMutablePointer<CChar>?] = ["bash", script, verb, folder, "\(port)", "\(getpid())"].map {
            (text: String) -> UnsafeMutablePointer<CChar>? in strdup(text)
        }
        defer { arguments.forEach { free($0) } }
        arguments.append(nil)
        var child = pid_t()
        var status: Int32 = -1
        guard posix_spawn(&child, "/bin/bash", nil, nil, arguments, environ) == 0, waitpid(child, &status, 0) == child else {
            return "bash cannot be started"
        }
        if status == 0 { return nil }
        return (try? String(contentsOfFile: "\(folder)/setup.log", encoding: .utf8)) ?? "no log"
    }

    static func freePort() -> Int {
        let handle = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(handle) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(handle, $0, length)
                _ = getsockname(handle, $0, &length)
            }
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    private static let text = #"""
        set -eu
        verb=$1 folder=$2 port=$3 owner=$4
        exec >>"$folder/setup.log" 2>&1 </dev/null
        # What is inherited, such as another test's listening socket, would be held by the server.
        for fd in /proc/self/fd/*; do fd=${fd##*/}; [ "$fd" -gt 2 ] && [ "$fd" -ne 255 ] && eval "exec $fd>&-"; done
        bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
        # PostgreSQL does not run as root.
        as() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; else "$@"; fi; }
        ctl() { as "$bin/pg_ctl" -D "$folder/data" -l "$folder/log/postgres.log" -w "$@"; }
        cd "$folder"
        case $verb in
        start) ctl start; exit ;;
        stop) ctl -m fast stop; exit ;;
        standby) as touch data/standby.signal; ctl start; exit ;;
        promote) ctl promote; exit ;;
        esac
        chmod 755 "$folder"
        mkdir data log
        for name in ca other-ca; do
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=everline test $name" \
                -keyout $name.key -out $name.pem
        done
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=postgres -keyout server.key -out server.csr
        printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >extensions
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out server.pem
        printf 'päss 密碼 %s' "$RANDOM$RANDOM" >password
        chmod 600 server.key password
        chmod 700 data
        if [ "$(id -u)" = 0 ]; then chown postgres: data log server.key; cp password superuser; chown postgres: superuser; else cp password superuser; fi
        as "$bin/initdb" -D "$folder/data" -U postgres -A scram-sha-256 --pwfile="$folder/superuser" --encoding=UTF8 --no-locale --no-sync
        cat >>data/postgresql.conf <<END
        listen_addresses = '127.0.0.1'
        port = $port
        unix_socket_directories = ''
        ssl = on
        ssl_cert_file = '$folder/server.pem'
        ssl_key_file = '$folder/server.key'
        ssl_ca_file = '$folder/ca.pem'
        fsync = off
        max_connections = 100
        shared_buffers = 64MB
        END
        printf 'hostssl all all 127.0.0.1/32 scram-sha-256\n' >data/pg_hba.conf
        ctl start
        export PGPASSWORD="$(cat password)"
        printf "CREATE ROLE everline_test LOGIN PASSWORD '%s';\nCREATE DATABASE scratch OWNER everline_test;\n" "$PGPASSWORD" |
            "$bin/psql" -qX -v ON_ERROR_STOP=1 "host=127.0.0.1 port=$port dbname=postgres user=postgres sslmode=verify-full sslrootcert=$folder/ca.pem"
        # Outlives the tests by a moment, even if they are killed.
        (while kill -0 "$owner"; do sleep 0.2; done; ctl -m immediate stop; rm -rf "$folder") >/dev/null 2>&1 &
        """#
}
