import CZlib

/// The library that unpacks gzip files.
package enum Compression {
    /// The version of zlib that was found.
    package static var libraryVersion: String { String(cString: zlibVersion()) }
}
