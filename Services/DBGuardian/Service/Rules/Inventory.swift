import EverlineService
import Foundation

/// Who is expected: our roles and, of each, the applications by which they come. Everybody else is somebody else.
package struct Inventory: Sendable {
    /// Application names by role. A name ending in `*` stands for all that begin so.
    package var applications: [String: [String]] = [
        // Whatever the guardian does it does by a name that proves itself (Errands).
        "everline_guardian": [],
        "everline_auth": ["auth", "auth users"],
        "everline_gateway": ["message-gateway", "message-gateway append"],
        "everline_history": ["history"],
        "everline_watch": ["db-guardian watch"],
        "replicator": ["pg_basebackup", "pg_receivewal"],
    ]
    /// Logins that an operator has declared to be right.
    package var roles: Set<String> = []
    /// Walsenders beside the guardian's own: standbys.
    package var standbys: Set<String> = []
    package var extensions: Set<String> = [
        "plpgsql", "pgaudit", "pg_stat_statements", "pg_trgm", "pgcrypto", "amcheck", "btree_gin", "btree_gist", "pg_buffercache",
        "pgstattuple", "unaccent", "citext", "hstore", "intarray", "ltree", "uuid-ossp", "tablefunc", "fuzzystrmatch",
        "pg_prewarm",
        "pg_visibility", "pg_freespacemap", "pgrowlocks", "isn", "cube", "earthdistance", "sslinfo", "tcn", "bloom", "lo",
    ]

    package init() {}

    mutating func add(_ settings: Settings) {
        func list(_ key: String) -> [String] {
            (settings.optional(key) ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        }
        roles.formUnion(list("watch.roles"))
        standbys.formUnion(list("watch.standbys"))
        extensions.formUnion(list("watch.extensions"))
        for pair in list("watch.applications") {
            let parts = pair.split(separator: ":", maxSplits: 1).map(String.init)
            if parts.count == 2 { applications[parts[0], default: []].append(parts[1]) }
        }
    }

    /// Whether it is a service's, of which all statements are known; the guardian itself changes and dumps.
    package func isService(_ role: String) -> Bool { isOurs(role) && ![Role.owner, Role.watch, "replicator"].contains(role) }

    package func isOurs(_ role: String) -> Bool { applications[role] != nil }

    package func expects(_ role: String, _ application: String) -> Bool {
        (applications[role] ?? []).contains { name in
            name.hasSuffix("*") ? application.hasPrefix(name.dropLast()) : application == name
        }
    }
}
