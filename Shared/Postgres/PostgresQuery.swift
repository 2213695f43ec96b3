/// SQL with its parameters. Whatever is interpolated is bound, never pasted in:
///
///     "SELECT id FROM everline.rooms WHERE name = \(name)"
///
/// What has to be part of the SQL itself is spelled `\(unsafeSQL: …)`; such a text is not kept as a prepared statement.
package struct PostgresQuery: Sendable, ExpressibleByStringInterpolation {
    package private(set) var sql: String
    package private(set) var parameters: PostgresParameters
    /// Whether the text is one of a fixed set, so that it is worth preparing.
    private(set) var isFixed = true

    package init(stringLiteral sql: String) {
        self.sql = sql
        parameters = PostgresParameters()
    }

    package init(stringInterpolation text: StringInterpolation) {
        sql = text.sql
        parameters = text.parameters
        isFixed = text.isFixed
    }

    package init(_ statement: PostgresStatement, _ parameters: PostgresParameters = []) {
        sql = statement.sql
        self.parameters = parameters
        isFixed = statement.isFixed
    }

    package struct StringInterpolation: StringInterpolationProtocol, Sendable {
        var sql = ""
        var parameters = PostgresParameters()
        var isFixed = true

        package init(literalCapacity: Int, interpolationCount: Int) {
            sql.reserveCapacity(literalCapacity + interpolationCount * 3)
        }

        package mutating func appendLiteral(_ literal: String) { sql += literal }

        package mutating func appendInterpolation(_ value: some PostgresValue) {
            parameters.append(value)
            sql += "$\(parameters.count)"
        }

        package mutating func appendInterpolation(unsafeSQL text: String) {
            sql += text
            isFixed = false
        }
    }
}

/// SQL with places for parameters ($1, $2 …), written in the source.
package struct PostgresStatement: Sendable, Hashable {
    package let sql: String
    let isFixed: Bool

    package init(_ sql: StaticString) {
        self.sql = sql.description
        isFixed = true
    }

    /// SQL that was made or read while the program runs (a file of our own); `prepared` if it is one of a small fixed set.
    package init(unsafeSQL sql: String, prepared: Bool = false) {
        self.sql = sql
        isFixed = prepared
    }
}
