import Foundation
import Hummingbird
import Logging
import NIOCore

/// What is known of a request while it is answered.
package struct ServingContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// The connection.
    package let channel: any Channel
    /// Who asks; the routes without a key know nobody.
    package var identity = Identity(name: "nobody", scopes: [])
    /// What the client is told in `x-request-id`.
    package var requestID = ""
    /// What the log line tells beside this.
    package let facts = RequestFacts()

    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}
