import Foundation
import Hummingbird

extension ServingServer {
    /// Bytes of an upload that are read and thrown away after it was refused.
    private static let readOn = 256 << 10

    /// A prefix whose files are sent: written into the store's folder as they come, and only then looked at.
    func upload(_ request: Request, _ context: ServingContext, _ type: String) async throws -> PrefixEntry {
        let pass: UploadGate.Pass, lease: KeyLease
        do {
            // Asked before the body is read, and counted while it is: it may be large.
            _ = try owner(context)
            pass = try uploads.enter()
            lease = try KeyLease(keys, context.identity, at: ProcessInfo.processInfo.systemUptime)
        } catch {
            reader.closeSoon(context)
            throw error
        }
        defer {
            lease.end(tokens: 0)
            withExtendedLifetime(pass) {}
        }
        let folder = try await library.incoming()
        defer { try? FileManager.default.removeItem(at: folder) }
        let stated = request.headers[.contentLength].flatMap { Int($0) }
        var reader = reader
        reader.limit = settings.uploadLimit
        let form = try await reader.receive(request, context) { body, limit -> Result<UploadFiles.Form, ServingError> in
            var files = UploadFiles(in: folder, limit: context.identity.limits.bytes) { [self] in
                _ = try place($0, context)
            }
            var form = try MultipartReader(contentType: type), count = 0, refusal: ServingError?, end = limit
            for try await part in body {
                count += part.readableBytes
                if count > end { throw refusal ?? .bodyTooLarge(limit: limit) }
                if refusal != nil { continue }
                do {
                    try form.append(part.readableBytesView) { try files.take($0) }
                } catch let error as ServingError {
                    // A little more is read to its end, so that the connection can stay.
                    guard let stated, stated - count <= Self.readOn else { throw error }
                    refusal = error
                    end = min(limit, stated)
                }
            }
            if let refusal { return .failure(refusal) }
            do throws(ServingError) {
                try form.finish()
                return .success(try files.form())
            } catch {
                return .failure(error)
            }
        }.get()
        return try await store(form.name, replaces: form.replaces, context) { target in
            for name in form.files {
                try FileManager.default.moveItem(
                    at: folder.appendingPathComponent(name), to: target.appendingPathComponent(name))
            }
        }
    }
}
