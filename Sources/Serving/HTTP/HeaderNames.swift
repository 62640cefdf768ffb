import HTTPTypes

extension HTTPField.Name {
    /// nginx: do not collect the answer before it is passed on.
    static let accelBuffering = named("x-accel-buffering")
    /// What a request is called in logs.
    static let requestID = named("x-request-id")
    /// Names of fields of the body that this server does not know.
    static let ignoredFields = named("x-ignored-fields")
    /// Browsers: believe the content type.
    static let contentTypeOptions = named("x-content-type-options")

    private static func named(_ name: String) -> HTTPField.Name {
        guard let result = HTTPField.Name(name) else { preconditionFailure("\(name) is no header") }
        return result
    }
}
