/// A method: its name on the wire and the shapes of its parameters and its result. Declared once, here; servers register handlers for the
/// type, clients call through it.
package protocol Method: Sendable {
    associatedtype Params: WireObject
    associatedtype Result: WireObject
    static var name: String { get }
}

/// The services, as their certificates name them (SAN DNS).
package enum Peer: String, Sendable, CaseIterable {
    case auth
    case messageGateway = "message-gateway"
    case history
    case dbGuardian = "db-guardian"
}
