import Foundation
import PrefixTuning
import Testing

/// Learning rates against `transformers.get_*_schedule*` (Tests/Goldens/prefix/generate.py).
@Suite("Learning-rate schedules") struct ScheduleTests {
    struct Case: Decodable {
        var schedule: LearningRateSchedule.Shape
        var warmup, steps: Int
        var learning_rate: Double
        var rates: [Double]
    }

    @Test("every rate of every schedule")
    func rates() throws {
        let cases: [Case] = try PrefixGolden.decode("schedules.json")
        #expect(cases.count == 12)
        for item in cases {
            let schedule = LearningRateSchedule(item.schedule, warmupSteps: item.warmup, totalSteps: item.steps)
            #expect(item.rates.count == item.steps)
            for (step, expected) in item.rates.enumerated() {
                let found = item.learning_rate * schedule.factor(at: step)
                #expect(abs(found - expected) < 1e-15, "\(item.schedule), warm-up \(item.warmup), step \(step)")
            }
        }
    }

    @Test("factors stay within 0 and 1, also beyond the end", arguments: LearningRateSchedule.Shape.allCases)
    func bounds(shape: LearningRateSchedule.Shape) {
        for (warmup, hold, total) in [(0, 0, 1), (5, 0, 5), (9, 0, 3), (2, 4, 12), (0, 20, 10)] {
            let schedule = LearningRateSchedule(shape, warmupSteps: warmup, holdSteps: hold, totalSteps: total)
            for step in 0...40 { #expect((0...1).contains(schedule.factor(at: step))) }
        }
    }

    @Test("the peak is held before the fall")
    func hold() {
        let schedule = LearningRateSchedule(.linear, warmupSteps: 2, holdSteps: 3, totalSteps: 9)
        let expected = [0, 0.5, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0]
        for (step, factor) in expected.enumerated() { #expect(abs(schedule.factor(at: step) - factor) < 1e-15) }
    }
}
