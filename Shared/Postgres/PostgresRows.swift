internal import CPostgres

/// The result of a statement. Cells stay in libpq's memory until they are asked for; rows and cells hold on to it.
///
/// `@unchecked Sendable`: libpq does not touch a PGresult after handing it out, and the functions called here only read it.
package final class PostgresRows: @unchecked Sendable, RandomAccessCollection {
    private let result: OpaquePointer
    private let rowCount: Int
    package let columnCount: Int

    /// Owns `result` from here on.
    init(_ result: OpaquePointer) {
        self.result = result
        rowCount = Int(PQntuples(result))
        columnCount = Int(PQnfields(result))
    }

    deinit { PQclear(result) }

    package var startIndex: Int { 0 }
    package var endIndex: Int { rowCount }
    package subscript(row: Int) -> PostgresRow {
        precondition(row >= 0 && row < rowCount, "row \(row) of \(rowCount)")
        return PostgresRow(rows: self, index: row)
    }

    /// Rows inserted, updated, deleted or selected.
    package var affected: Int { Int(String(cString: PQcmdTuples(result))) ?? 0 }
    /// For example `INSERT 0 5`.
    package var commandTag: String { String(cString: PQcmdStatus(result)) }

    package func columnName(_ column: Int) -> String { PQfname(result, Int32(column)).map { String(cString: $0) } ?? "" }
    package func column(named name: String) -> Int? { (0..<columnCount).first { columnName($0) == name } }

    /// The cheapest way to a value: no row or cell in between.
    package func decode<T: PostgresValue>(_ row: Int, _ column: Int, as: T.Type = T.self) throws(PostgresError) -> T {
        do throws(PostgresError) {
            return try T.decode(field(row, column))
        } catch {
            var named = error
            named.message += " (column \(columnName(column)))"
            throw named
        }
    }

    package func isNull(_ row: Int, _ column: Int) -> Bool { field(row, column).bytes == nil }

    /// The bytes of a cell as they came, nil for NULL, without copying: for text its UTF-8. They must not leave `body`.
    package func withBytes<R, E: Error>(
        _ row: Int, _ column: Int, _ body: (UnsafeRawBufferPointer?) throws(E) -> R
    ) throws(E) -> R {
        try body(field(row, column).bytes)
    }

    private func field(_ row: Int, _ column: Int) -> PostgresField {
        precondition(row >= 0 && row < rowCount && column >= 0 && column < columnCount, "no cell (\(row), \(column))")
        let (row, column) = (Int32(truncatingIfNeeded: row), Int32(truncatingIfNeeded: column))
        let type = PostgresType(PQftype(result, column))
        if PQgetisnull(result, row, column) != 0 { return PostgresField(type: type, bytes: nil) }
        return PostgresField(
            type: type,
            bytes: UnsafeRawBufferPointer(start: PQgetvalue(result, row, column), count: Int(PQgetlength(result, row, column))))
    }
}

package struct PostgresRow: Sendable {
    package let rows: PostgresRows
    package let index: Int

    package subscript(column: Int) -> PostgresCell { PostgresCell(rows: rows, row: index, column: column) }
}

package struct PostgresCell: Sendable {
    package let rows: PostgresRows
    package let row: Int
    package let column: Int

    /// Throws `usage` if the column has another type, or is NULL and `T` is not an Optional.
    package func decode<T: PostgresValue>(as: T.Type = T.self) throws(PostgresError) -> T { try rows.decode(row, column) }
    package var isNull: Bool { rows.isNull(row, column) }
    package func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer?) throws(E) -> R) throws(E) -> R {
        try rows.withBytes(row, column, body)
    }
}

// For loops over many cells, where a call, a check and a type for each would cost more than what is done with them.
extension PostgresRows {
    /// Whether the columns are of these types, so that their bytes may be read as such.
    package func hasTypes(_ types: [PostgresType]) -> Bool {
        types.count == columnCount && types.indices.allSatisfy { PQftype(result, Int32($0)) == types[$0].oid }
    }

    /// Calls `body` with the cells of each of these rows, in binary format as they came; a NULL has no base address. Valid within the call.
    package func forEachRow(
        _ rows: Range<Int>, descending: Bool = false, _ body: (UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Void
    ) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= rowCount, "rows \(rows) of \(rowCount)")
        withUnsafeTemporaryAllocation(of: UnsafeRawBufferPointer.self, capacity: columnCount) { cells in
            for offset in 0..<rows.count {
                let row = Int32(truncatingIfNeeded: descending ? rows.upperBound - 1 - offset : rows.lowerBound + offset)
                for index in 0..<columnCount {
                    let column = Int32(truncatingIfNeeded: index)
                    let length = Int(PQgetlength(result, row, column))
                    let isNull = length == 0 && PQgetisnull(result, row, column) != 0
                    cells.initializeElement(
                        at: index,
                        to: UnsafeRawBufferPointer(start: isNull ? nil : PQgetvalue(result, row, column), count: length))
                }
                body(UnsafeBufferPointer(cells))
            }
        }
    }
}
