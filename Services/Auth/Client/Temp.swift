package import EverlineProtocol
extension AuthClient { package func ended(of hashes: [String]) async throws(RPCError) -> [String] { [] } }
