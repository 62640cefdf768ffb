import COneDNN

extension Compute {
    /// The version of oneDNN that was found.
    package nonisolated static var libraryVersion: String { String(cString: ptd_version()) }
}
