/// All rules there are.
package enum RuleTable {
    private static let types: [any Rule.Type] = [
        SuperuserGain.self, PredefinedRole.self, OverGrant.self, NewLoginRole.self, PasswordChange.self, CopyProgram.self,
        ShellChild.self,
        ServerFileAccess.self, UntrustedCode.self, AuditOff.self, AuditSilence.self, UnexplainedChange.self, ForeignDDL.self,
        MassDrop.self,
        RansomNote.self, MassDelete.self, BruteForce.self, LoginAnomaly.self, PrivilegeProbing.self, SuperuserWrites.self,
        BulkExport.self,
        VerifierRead.self, ReplicationUse.self, SlotBloat.self, PolicyWeakened.self, TriggerTampered.self, HBAWeakened.self,
        TLSOff.self,
        Crash.self, Corruption.self, ArchiveStall.self, BackupShape.self, DrillOverdue.self, SequenceGap.self,
        NumbersBackwards.self,
    ]

    package static let all: [RuleDefinition] = types.map { $0.definition }

    package static func definition(_ id: String) -> RuleDefinition? { all.first { $0.id == id } }

    /// - Parameter thresholds: `rule.name=number`, with commas between.
    package static func rules(_ thresholds: String) throws -> [any Rule] {
        let given = try parse(thresholds)
        return types.map { $0.init(Thresholds($0.definition, given)) }
    }

    package static func threshold(_ id: String, _ name: String, _ thresholds: String) throws -> Double {
        guard let rule = definition(id) else { return 0 }
        return Thresholds(rule, try parse(thresholds)).number(name)
    }

    private static func parse(_ thresholds: String) throws -> [String: Double] {
        var given: [String: Double] = [:]
        for pair in thresholds.split(separator: ",") {
            let parts = pair.split(separator: "=").map { $0.trimmingPrefix(while: \.isWhitespace) }
            guard parts.count == 2, let value = Double(parts[1]), value.isFinite, value >= 0,
                all.contains(where: { rule in rule.thresholds.contains { "\(rule.id).\($0.name)" == parts[0] } })
            else {
                throw GuardianError(
                    "watch.thresholds has \"\(pair)\"",
                    hint: "it is rule.threshold=number with commas between; `audit explain RULE` names them")
            }
            given[String(parts[0])] = value
        }
        return given
    }
}
