import Foundation

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// One element of a parsed page.
struct ReportElement {
    let name: String
    let attributes: [String: String]
    /// Names of the elements around it, the outermost first.
    let ancestors: [String]
    /// The text inside it, that of inner elements included.
    var text = ""
}

/// A page read back by an XML parser, which takes nothing that is not well-formed.
final class ReportDocument: NSObject, XMLParserDelegate {
    private(set) var elements: [ReportElement] = []
    private var open: [Int] = []
    private var failure: (any Error)?

    static func parse(_ html: String) throws -> [ReportElement] {
        let document = ReportDocument()
        let parser = XMLParser(data: Data(html.utf8))
        parser.delegate = document
        guard parser.parse() else {
            throw document.failure ?? parser.parserError ?? CocoaError(.fileReadCorruptFile)
        }
        return document.elements
    }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        elements.append(
            ReportElement(name: name, attributes: attributes, ancestors: open.map { elements[$0].name }))
        open.append(elements.count - 1)
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) {
        for index in open { elements[index].text += string }
    }

    func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
        open.removeLast()
    }

    func parser(_ parser: XMLParser, parseErrorOccurred error: any Error) {
        failure = error
    }
}

extension [ReportElement] {
    func named(_ name: String) -> [ReportElement] { filter { $0.name == name } }

    func styled(_ style: String) -> [ReportElement] {
        filter { $0.attributes["class"]?.split(separator: " ").contains(Substring(style)) == true }
    }
}
