import Foundation

/// The greatest difference of two arrays, relative to the largest expected element: max |a − e| / max(max |e|, floor).
///
/// Elements near zero in an array of large ones carry the array's rounding error, not their own; dividing by the
/// array's magnitude says how many digits of it are right.
public func relativeError(_ actual: [Float], _ expected: [Float], floor: Float = 1e-30) -> Float {
    guard actual.count == expected.count else { return .infinity }
    var difference: Float = 0, magnitude = floor
    for (a, e) in zip(actual, expected) {
        guard a.isFinite else { return .infinity }
        difference = max(difference, abs(a - e))
        magnitude = max(magnitude, abs(e))
    }
    return difference / magnitude
}
