import EverlineLines
import EverlineProtocol

/// What auth answers, and to which services.
struct AuthMethods: Sendable {
    let accounts: Accounts
    let sessions: Sessions
    let holders: Holders
    let own: OwnAccount
    let administration: Administration

    func register(in table: inout MethodTable<Caller>) {
        table.register(InternalRegister.self, from: [.messageGateway]) { params, _ in
            try await accounts.register(params.inner, from: params.origin.address)
        }
        table.register(InternalLogin.self, from: [.messageGateway]) { params, _ in
            try await accounts.login(params.inner, from: params.origin.address)
        }
        table.register(InternalResume.self, from: [.messageGateway, .history]) { params, _ in
            try await sessions.resume(params.inner.session)
        }
        table.register(InternalLogout.self, from: [.messageGateway]) { params, _ in
            try await accounts.logout(params.inner.session, from: params.origin.address)
            return Nothing()
        }
        table.register(InternalSessionsCheck.self, from: [.messageGateway]) { params, _ in
            SessionHashes(hashes: try await sessions.ended(of: params.hashes))
        }
        registerOwn(in: &table)
        registerAdministration(in: &table)
    }

    private func registerOwn(in table: inout MethodTable<Caller>) {
        table.register(OnSession<AuthChangePassword>.self, from: [.messageGateway]) { params, _ in
            let holder = try await holders.holder(of: params.session, from: params.origin.address, mayHaveToChange: true)
            try await own.changePassword(params.inner, holder)
            return Nothing()
        }
        forHolder(AuthSessions.self, in: &table) { _, holder in try await own.list(holder) }
        forHolder(AuthRevoke.self, in: &table) { try await own.revoke($0, $1) }
        forHolder(AuthLogins.self, in: &table) { params, holder in
            try await own.lists.logins(of: holder.user.id, before: params.before, limit: params.limit)
        }
        forHolder(AuthProfile.self, in: &table) { try await own.rename($0, $1) }
        forHolder(AuthSecondFactor.self, in: &table) { _, holder in try await own.secondFactors.state(of: holder.user.id) }
        forHolder(AuthSecondFactorBegin.self, in: &table) { try await own.beginSecondFactor($0, $1) }
        forHolder(AuthSecondFactorConfirm.self, in: &table) { try await own.confirmSecondFactor($0, $1) }
        forHolder(AuthSecondFactorDisable.self, in: &table) { params, holder in
            try await own.disableSecondFactor(params, holder)
            return Nothing()
        }
        forHolder(AuthExport.self, in: &table) { _, holder in try await own.export(holder) }
        forHolder(AuthDeleteAccount.self, in: &table) { params, holder in
            try await own.delete(params, holder)
            return Nothing()
        }
    }

    private func registerAdministration(in table: inout MethodTable<Caller>) {
        forAdmin(AdminUsers.self, in: &table) { params, _ in try await own.lists.users(params) }
        forAdmin(AdminCreateUser.self, in: &table) { try await administration.create($0, $1) }
        forAdmin(AdminDisable.self, in: &table) { params, admin in
            try await administration.disable(params, admin)
            return Nothing()
        }
        forAdmin(AdminEnable.self, in: &table) { params, admin in
            try await administration.enable(params, admin)
            return Nothing()
        }
        forAdmin(AdminSetPassword.self, in: &table) { params, admin in
            try await administration.setPassword(params, admin)
            return Nothing()
        }
        forAdmin(AdminRequireChange.self, in: &table) { params, admin in
            try await administration.requireChange(params, admin)
            return Nothing()
        }
        forAdmin(AdminSetAdmin.self, in: &table) { params, admin in
            try await administration.setAdmin(params, admin)
            return Nothing()
        }
        forAdmin(AdminResetSecondFactor.self, in: &table) { params, admin in
            try await administration.resetSecondFactor(params, admin)
            return Nothing()
        }
        forAdmin(AdminSessions.self, in: &table) { try await administration.sessions($0, $1) }
        forAdmin(AdminRevoke.self, in: &table) { try await administration.revoke($0, $1) }
        forAdmin(AdminLogins.self, in: &table) { params, _ in try await own.lists.logins(params) }
        forAdmin(AdminActions.self, in: &table) { params, _ in try await own.lists.actions(params) }
    }

    private func forHolder<M: Method>(
        _ method: M.Type, in table: inout MethodTable<Caller>,
        _ handler: @escaping @Sendable (M.Params, Holder) async throws -> M.Result
    ) {
        table.register(OnSession<M>.self, from: [.messageGateway]) { params, _ in
            try await handler(params.inner, try await holders.holder(of: params.session, from: params.origin.address))
        }
    }

    private func forAdmin<M: Method>(
        _ method: M.Type, in table: inout MethodTable<Caller>,
        _ handler: @escaping @Sendable (M.Params, Holder) async throws -> M.Result
    ) {
        table.register(OnSession<M>.self, from: [.messageGateway]) { params, _ in
            try await handler(params.inner, try await holders.admin(of: params.session, from: params.origin.address))
        }
    }
}
