import EverlineProtocol
import Foundation

/// What was in the database at one moment of its history, exactly: the moment of a restore point at which no append was under
/// way. Kept beside the backups;
/// a drill restores to the point and must find just this.
package struct Ledger: Codable, Sendable {
    /// Also the restore point's name.
    package let id: String
    package let system: String
    package let timeline: UInt32
    package let lsn: LSN
    /// The restore point's time; microseconds since 1970.
    package let at: Int64
    package let epoch: String
    package let rooms: [Room]
    package let totals: Totals
    /// Everything that roles may do and are, as a digest, and the numbers of the migrations.
    package let roles: String
    package let migrations: [String]

    /// One room. Digests are sums of hashes of rows, so that what is new can be added to what was known.
    package struct Room: Codable, Sendable, Equatable {
        package let id: Int64
        package let name: String
        package let lastSeq: Int64
        package let lastRev: Int64
        package let membersRev: Int64
        /// Over what never changes of all messages 1…lastSeq, and of all revisions 1…lastRev.
        package let identity: String
        /// The first message that `content` is over: what is new since the ledger before.
        package let contentFrom: Int64
        /// Over all of the messages contentFrom…lastSeq, their text too.
        package let content: String
    }

    package struct Totals: Codable, Sendable, Equatable {
        package let messages: Int64
        package let users: Int64
        package let rooms: Int64
        package let members: Int64
        /// Over users, without what each login may change, and over rooms and members.
        package let digest: String
    }

    package static let prefix = "everline-"
    package static let suffix = ".ledger"
}
