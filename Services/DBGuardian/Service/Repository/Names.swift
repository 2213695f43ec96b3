/// The two halves of a path. (NSString's own getters crash on a name of one letter.)
extension String {
    /// What stands before the last `/`; nothing if there is none, `/` for what lies in the root.
    package var folder: String {
        guard let slash = lastIndex(of: "/") else { return "" }
        return slash == startIndex ? "/" : String(self[..<slash])
    }

    /// What stands behind the last `/`.
    package var lastName: String { lastIndex(of: "/").map { String(self[index(after: $0)...]) } ?? self }
}
