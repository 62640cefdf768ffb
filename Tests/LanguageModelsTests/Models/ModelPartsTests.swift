import Foundation
import LanguageModels
import Tensors
import TestSupport
import Testing

/// What architectures say of their parts, against the tensors that checkpoints of tiny models have.
@Suite("Parts of architectures") struct ModelPartsTests {
    private static func model(_ path: String) throws -> (
        configuration: any ModelConfiguration, source: any TensorSource
    ) {
        let folder = Fixtures.goldens.appendingPathComponent(path)
        return (
            try ModelConfigurationFile.read(from: folder.appendingPathComponent("config.json")),
            try HuggingFaceFolder(folder).tensors
        )
    }

    @Test("every architecture that can be read has a tiny model")
    func coverage() throws {
        let found = try Fixtures.models.map { try Self.model($0).configuration.parts.modelType }
        #expect(Set(found) == Set(ModelParts.all.map(\.modelType)))
        #expect(Set(ModelParts.all.map(\.modelType)).count == ModelParts.all.count)
    }

    @Test("the parts are there, with the shapes that they are to have", arguments: Fixtures.models)
    func shapes(path: String) throws {
        let (configuration, source) = try Self.model(path)
        let parts = configuration.parts, shape = configuration.shape
        func names(_ place: ModelParts.Place) -> [String] { source.names.filter { parts.place(of: $0) == place } }

        let tables = names(.tokenTable)
        #expect(tables.contains { $0.hasSuffix("\(parts.tokenTable).weight") })
        for table in tables { #expect(source.shape(of: table)?.first == shape.vocabularySize, "\(table)") }
        for head in names(.head) where head.hasSuffix("weight") {
            #expect(source.shape(of: head)?.first == shape.vocabularySize, "\(head)")
        }
        for norm in names(.finalNorm) { #expect(source.shape(of: norm) == [shape.width], "\(norm)") }
        for (kind, count) in [(AttentionKind.decoder, shape.layerCount), (.encoder, shape.encoder?.layerCount ?? 0)] {
            let sizes = (0..<count).map { names(.block($0, of: kind)).count }
            #expect(sizes.allSatisfy { $0 > 0 }, "\(kind): \(sizes)")
            #expect(names(.block(count, of: kind)).isEmpty)
        }
        // Only buffers are no part: masks and angles, which old checkpoints carry.
        let others = source.names.filter { parts.place(of: $0) == nil }
        #expect(others.isEmpty, "\(others)")
    }

    @Test("default targets of LoRA are matrices of blocks, stored as the parts say", arguments: Fixtures.models)
    func targets(path: String) throws {
        let (configuration, source) = try Self.model(path)
        let parts = configuration.parts, width = configuration.shape.width
        for target in parts.lowRankTargets {
            let names = source.names.filter { $0.hasSuffix(".\(target).weight") }
            #expect(!names.isEmpty, "\(target)")
            for name in names {
                guard case .block = parts.place(of: name) else {
                    Issue.record("\(name) is in no block")
                    continue
                }
                let stored = try #require(source.shape(of: name))
                #expect(stored[parts.orientation == .inputByOutput ? 0 : 1] == width, "\(name): \(stored)")
            }
        }
    }

    @Test("names with and without a root, and the head's older name, mean the same")
    func names() throws {
        for parts in ModelParts.all {
            let own = parts.root.isEmpty ? "" : "\(parts.root)."
            for root in ["", own, "base_model.model.\(own)", "module.\(own)"] {
                #expect(parts.place(of: "\(root)\(parts.tokenTable).weight") == .tokenTable)
                #expect(parts.place(of: "\(root)\(parts.blocks).7.any.bias") == .block(7, of: .decoder))
                #expect(parts.fullName(of: "\(root)\(parts.blocks).0.x") == "\(own)\(parts.blocks).0.x")
            }
            for head in [parts.head, parts.olderHead].compactMap(\.self) {
                #expect(parts.place(of: "\(head).weight") == .head)
                #expect(parts.fullName(of: head) == "lm_head")
            }
            #expect(parts.place(of: "\(parts.tokenTable)s.weight") == nil)
            #expect(parts.place(of: "control_trans.0.weight") == nil)
        }
        #expect(ModelParts.of(modelType: "xlnet") == nil)
    }
}
