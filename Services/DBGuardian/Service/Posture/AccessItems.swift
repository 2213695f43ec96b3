/// Who comes in, and what they may do.
enum AccessItems: PostureSection {
    static func items(_ facts: ServerFacts) -> [PostureItem] {
        roles(facts) + (facts.superuser ? doors(facts) : [unknown])
    }

    private static func roles(_ facts: ServerFacts) -> [PostureItem] {
        let powerful = facts.roles.filter { !$0.isBootstrap && !$0.powers.isEmpty && !$0.name.hasPrefix("pg_") }.map {
            "\($0.name) (\($0.powers.joined(separator: ", ")))"
        }
        let open = facts.databases.filter(\.publicCreates).map(\.name)
        let weak = facts.roles.filter { $0.canLogin && ["md5", "none", "other"].contains($0.password) }.map {
            "\($0.name) (\($0.password))"
        }
        let hasSetUser = facts.databases.contains { $0.extensions.contains("set_user") }
        let isAudited =
            facts.list("shared_preload_libraries").contains("pgaudit")
            && facts.loginSuperusers.allSatisfy { $0.settings.contains("pgaudit.log=all") }
        let loose = facts.databases.flatMap { one in one.loose.map { "\(one.name): \($0)" } }
        let untrusted = facts.databases.flatMap { one in one.untrusted.map { "\(one.name): \($0)" } }
        return [
            PostureItem(
                "admin-privileges", cis: "4.3", powerful.isEmpty,
                powerful.isEmpty ? "none but the first superuser" : powerful.shown(), source: "pg_roles",
                hint: "ALTER ROLE … NOSUPERUSER NOCREATEROLE NOCREATEDB NOBYPASSRLS"),
            PostureItem(
                "set-user", cis: "4.8", hasSetUser || isAudited,
                hasSetUser
                    ? "set_user is installed"
                    : isAudited
                        ? "set_user is not installed; every statement of every superuser is audited"
                        : "neither is set_user installed nor are superusers audited",
                hint: "db-guardian audit harden audits superusers whole"),
            PostureItem(
                "public-schema", cis: "4.10", open.isEmpty,
                open.isEmpty ? "PUBLIC creates nothing" : "PUBLIC may create in schema public of \(open.shown())",
                source: "pg_namespace",
                hint: "REVOKE CREATE ON SCHEMA public FROM PUBLIC, in each"),
            PostureItem(
                "password-hashes", weak.isEmpty, weak.isEmpty ? "SCRAM-SHA-256 for every role that may log in" : weak.shown(),
                source: "pg_authid",
                hint: "set their passwords anew, or ALTER ROLE … NOLOGIN"),
            facts.item(
                "password-encryption", setting: "password_encryption", { $0 == "scram-sha-256" }, hint: "db-guardian audit harden"
            ),
            PostureItem(
                "predefined-roles", facts.predefined.isEmpty, facts.predefined.shown(), source: "pg_auth_members",
                hint: "each reads or writes past all grants: REVOKE it, if nobody knows why it is there"),
            PostureItem(
                "definer-search-path", loose.isEmpty, loose.shown(), source: "pg_proc",
                hint: "ALTER FUNCTION … SET search_path = pg_catalog, pg_temp"),
            PostureItem(
                "untrusted-languages", untrusted.isEmpty, untrusted.shown(), source: "pg_language",
                hint: "DROP LANGUAGE, if nothing needs it"),
        ]
    }

    private static func doors(_ facts: ServerFacts) -> [PostureItem] {
        func lines(_ found: [ServerFacts.Access]) -> String {
            found.map {
                "line \($0.line): \($0.type) \($0.databases.joined(separator: ",")) \($0.users.joined(separator: ",")) \($0.address ?? "") \($0.method)"
            }.shown(3)
        }
        let file = facts.value("hba_file")
        let trust = facts.access.filter { $0.method == "trust" }
        let weak = facts.access.filter { ["password", "ident", "md5"].contains($0.method) && $0.type != "local" }
        let plain = facts.access.filter { ["host", "hostnossl"].contains($0.type) && $0.method != "reject" }
        let wide = facts.access.filter {
            $0.method != "reject" && ($0.address == "all" || $0.mask == "0.0.0.0" || $0.mask == "::")
        }
        let errors = facts.access.compactMap(\.error)
        return [
            PostureItem(
                "hba-trust", trust.isEmpty, trust.isEmpty ? "no line lets in without a password" : lines(trust), source: file,
                hint: "db-guardian audit harden asks for each line, and makes it scram-sha-256"),
            PostureItem(
                "hba-methods", weak.isEmpty, weak.isEmpty ? "no weak method" : lines(weak), source: file,
                hint: "scram-sha-256 or cert"),
            PostureItem(
                "hba-tls", plain.isEmpty, plain.isEmpty ? "every line over the network asks for TLS" : lines(plain), source: file,
                hint: "hostssl instead of host"),
            PostureItem(
                "hba-addresses", wide.isEmpty, wide.isEmpty ? "no line is for every address" : lines(wide), source: file,
                hint: "name the addresses"),
            PostureItem(
                "hba-readable", errors.isEmpty, errors.isEmpty ? "the file has no error" : errors.shown(3), source: file,
                hint: "as long as it has one, changes of it are not taken over"),
        ]
    }

    private static let unknown = PostureItem(
        "hba-trust", false, "pg_hba.conf cannot be read by this role", hint: "set roles.conninfo to a superuser's connection")
}
