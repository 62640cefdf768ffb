/// Makes WebNLG outputs and references comparable, as the challenge's evaluation script does: ASCII letters, lower case, every
/// character that is no letter, digit or underscore standing alone.
///
/// The script does this in different orders: predictions are folded to ASCII *before* they are split, references *after*. So "½"
/// in a prediction becomes `1 / 2`, in a reference `1/2`. Both ways are kept.
public struct WebNLGNormalizer: Sendable {
    /// Creates the normaliser.
    public init() {}

    /// Normalises a system output.
    public func prediction(_ text: String) -> String {
        let folded = text.pythonStripped.foldedToASCII.lowercasedWithFinalSigma
        return split(folded.foldedToASCII)
    }

    /// Normalises a reference.
    public func reference(_ text: String) -> String {
        split(text).lowercasedWithFinalSigma.foldedToASCII
    }

    private func split(_ text: String) -> String {
        var spaced = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if scalar.isPythonWordCharacter {
                spaced.append(scalar)
            } else {
                spaced.append(" ")
                spaced.append(scalar)
                spaced.append(" ")
            }
        }
        return String(spaced).pythonWords.joined(separator: " ")
    }
}
