import EverlineLines
import Foundation

/// An authority and certificates of a test's own, in a temporary folder.
final class Certificates: Sendable {
    static let shared = Certificates()
    let folder: String

    init() {
        folder = NSTemporaryDirectory() + "everline-lines-\(UUID().uuidString)"
        let script = #"""
            set -eu
            mkdir -p "$1"; cd "$1"
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem
            for name in auth history message-gateway stranger; do
                openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$name -keyout $name.key -out $name.csr
                printf "subjectAltName=DNS:$name,DNS:localhost" >extensions
                openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out $name.pem
            done
            """#
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", script, "bash", folder]
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try? process.run()
        process.waitUntilExit()
        precondition(process.terminationStatus == 0, "openssl could not make certificates")
    }

    func files(_ name: String) -> TLSFiles {
        TLSFiles(ca: "\(folder)/ca.pem", certificate: "\(folder)/\(name).pem", key: "\(folder)/\(name).key")
    }
}
