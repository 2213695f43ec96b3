package import EverlineProtocol
package import NIOSSL

/// Paths of PEM files: the authority that peers' certificates come from, and a service's own certificate and key.
package struct TLSFiles: Sendable, Equatable {
    package let ca: String
    package let certificate: String
    package let key: String

    package init(ca: String, certificate: String, key: String) {
        self.ca = ca
        self.certificate = certificate
        self.key = key
    }

    /// Whether those who connect show a certificate.
    package enum ClientCertificate: Sendable { case required, welcome, ignored }

    /// TLS 1.3 only.
    package func serverContext(_ clients: ClientCertificate) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
        configuration.minimumTLSVersion = .tlsv13
        configuration.trustRoots = .file(ca)
        configuration.certificateVerification =
            switch clients {
            case .required: .noHostnameVerification
            case .welcome: .optionalVerification
            case .ignored: .none
            }
        return try NIOSSLContext(configuration: configuration)
    }

    /// TLS 1.3 only; the server's certificate must come from our authority and name it.
    package func clientContext() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv13
        configuration.trustRoots = .file(ca)
        configuration.certificateVerification = .fullVerification
        configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) }
        configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
        return try NIOSSLContext(configuration: configuration)
    }
}

extension Peer {
    /// The service that a verified certificate names (SAN DNS); `nil` if it names none of ours.
    package init?(_ certificate: NIOSSLCertificate) {
        for name in certificate._subjectAlternativeNames() where name.nameType == .dnsName {
            if let peer = Peer(rawValue: String(decoding: name.contents, as: UTF8.self)) {
                self = peer
                return
            }
        }
        return nil
    }
}
