internal import CPostgres

/// The hosts of a connection string: lists that go together of names, addresses and ports (PostgreSQL manual 34.1.1.3).
struct ConnectionHosts {
    private var lists: [String: [String]] = [:]

    init(_ conninfo: String) {
        guard let options = PQconninfoParse(conninfo, nil) else { return }
        defer { PQconninfoFree(options) }
        var option = options
        while let keyword = option.pointee.keyword {
            let name = String(cString: keyword)
            if let value = option.pointee.val, ["host", "hostaddr", "port"].contains(name) {
                lists[name] = String(cString: value).split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            }
            option += 1
        }
    }

    var count: Int { max(lists["host"]?.count ?? 0, lists["hostaddr"]?.count ?? 0) }

    /// The options that mean one of them; one port may be that of all.
    func options(_ index: Int) -> [(String, String)] {
        lists.map { name, list in (name, list[list.count > 1 ? index : 0]) }
    }
}

extension PostgresConfiguration {
    /// One for each host of the connection string.
    package var byHost: [PostgresConfiguration] {
        (0..<max(1, ConnectionHosts(conninfo).count)).map { index in
            var one = self
            one.host = index
            return one
        }
    }
}
