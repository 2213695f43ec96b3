/// Every bound of the wire in one place. Lengths are bytes unless the name says otherwise.
package enum Limits {
    /// One line, its `\n` not counted; more is `line.too_long` and ends the connection.
    package static let line = 65_536
    /// How deep arrays and objects may nest; no method needs more than four.
    package static let nesting = 32
    /// Requests in one batch.
    package static let batch = 100
    /// About what the answers to a batch may come to; those after it are refused with `overloaded`.
    package static let batchAnswer = 1_048_576
    /// A message's text as UTF-8.
    package static let body = 16_384
    /// A room's name, in characters as a reader counts them (grapheme clusters), and as UTF-8.
    package static let roomCharacters = 64
    package static let roomBytes = 2_048
    /// A reaction is an emoji or a short word.
    package static let reactionCharacters = 32
    package static let reactionBytes = 128
    package static let titleCharacters = 200
    /// A user's shown name, in characters.
    package static let displayNameCharacters = 64
    package static let usernameCharacters = 2...32
    package static let usernameBytes = 512
    /// A password, in Unicode code points.
    package static let passwordCodePoints = 8...256
    /// What a client calls itself.
    package static let clientNameBytes = 256
    /// Messages in one page of history.
    package static let page = 200
    package static let defaultPage = 50
    /// About what the messages of a page may come to, unless a single one is longer; a page that is cut says that there are more.
    package static let pageBytes = 1_048_576
    /// Messages in one answer to a search.
    package static let hits = 100
    package static let defaultHits = 20
    /// Hours, days or weeks in one answer of statistics.
    package static let buckets = 2_000
    /// Lines in one answer of an export.
    package static let exported = 1_000
    /// Messages in a room's window in Redis, and those a `room.open` answers with.
    package static let window = 50
    /// Session hashes in one `internal.sessions.check`, in hex: so many fit a line.
    package static let checkedSessions = 900
    /// A request's `id` when it is a string.
    package static let requestID = 256
}
