import AuthClient
import EverlineLines
import EverlineProtocol
import EverlineRedis

/// What people do with their own account, and admins with others': auth does it.
extension Methods {
    func registerAccounts(in table: inout MethodTable<Asking>) {
        table.registerRaw(AuthChangePassword.self) { params, asking in
            let holder = try asking.holder()
            let answer = try await auth.onSession(AuthChangePassword.self, params, holder.session, from: asking.address)
            asking.afterwards { client in
                guard var user = client.user, user.sessionHash == holder.sessionHash else { return }
                user.mustChange = false
                client.bind(user)
            }
            return answer
        }
        pass(AuthSessions.self, in: &table)
        pass(AuthRevoke.self, in: &table)
        pass(AuthLogins.self, in: &table)
        pass(AuthSecondFactor.self, in: &table)
        pass(AuthSecondFactorBegin.self, in: &table)
        pass(AuthSecondFactorConfirm.self, in: &table)
        pass(AuthSecondFactorDisable.self, in: &table)
        table.registerRaw(AuthDeleteAccount.self) { params, asking in
            let holder = try asking.user()
            let named = try await rooms.store.rooms(of: holder.id)
            let answer = try await auth.onSession(AuthDeleteAccount.self, params, holder.session, from: asking.address)
            rooms.window.drop(rooms: named)
            return answer
        }
        table.register(AuthProfile.self) { params, asking in
            let holder = try asking.user()
            let answer = try await auth.onSession(AuthProfile.self, params, holder.session, from: asking.address)
            let user = try User(try JSONParser.parse(answer), strict: false)
            rooms.window.drop(rooms: try await rooms.store.rooms(of: holder.id))
            // What this connection sends from now on is under the new name.
            asking.afterwards { client in
                guard let bound = client.user, bound.sessionHash == holder.sessionHash else { return }
                client.bind(bound.named(user))
            }
            return user
        }
        table.register(AuthExport.self) { params, asking in
            let holder = try asking.user()
            let answer = try await auth.onSession(AuthExport.self, params, holder.session, from: asking.address)
            var export = try AuthExport.Result(try JSONParser.parse(answer), strict: false)
            export.rooms = try await rooms.list(asking).rooms.filter(\.joined)
            return export
        }
        pass(AdminUsers.self, in: &table)
        pass(AdminCreateUser.self, in: &table)
        pass(AdminDisable.self, in: &table)
        pass(AdminEnable.self, in: &table)
        pass(AdminSetPassword.self, in: &table)
        pass(AdminSetAdmin.self, in: &table)
        pass(AdminRequireChange.self, in: &table)
        pass(AdminResetSecondFactor.self, in: &table)
        pass(AdminSessions.self, in: &table)
        pass(AdminRevoke.self, in: &table)
        pass(AdminLogins.self, in: &table)
        pass(AdminActions.self, in: &table)
    }

    private func pass<M: Method>(_ method: M.Type, in table: inout MethodTable<Asking>) {
        table.registerRaw(M.self) { params, asking in
            try await auth.onSession(M.self, params, try asking.user().session, from: asking.address)
        }
    }
}

extension BoundUser {
    fileprivate func named(_ user: User) -> BoundUser {
        BoundUser(id: id, user: user, session: session, sessionHash: sessionHash, epoch: epoch, mustChange: mustChange)
    }
}
