extension TrainingSettings {
    /// Throws where a setting has no meaning.
    func validate() throws {
        func check(_ isRight: Bool, _ name: String, _ value: some CustomStringConvertible, _ needed: String) throws {
            guard isRight else {
                throw TrainingError.badSetting(name: name, value: value.description, needed: needed)
            }
        }
        let amount =
            switch duration {
            case .epochs(let count), .steps(let count): count
            }
        try check(amount > 0, "the length of the run", amount, "at least 1 step or epoch")
        try check(batchSize > 0, "the batch size", batchSize, "at least 1")
        try check(learningRate >= 0 && learningRate.isFinite, "the learning rate", learningRate, "a number from 0 on")
        try check(
            layerDecay.map { $0 > 0 && $0 <= 1 } ?? true, "the layer decay", layerDecay ?? 1,
            "a number above 0 and at most 1")
        try check(warmupSteps >= 0, "the warm-up", warmupSteps, "a number of steps from 0 on")
        try check(optimizer.weightDecay >= 0, "the weight decay", optimizer.weightDecay, "a number from 0 on")
        try check(optimizer.clip >= 0, "the greatest gradient norm", optimizer.clip, "a number from 0 on (0: no limit)")
        try check(
            optimizer.proximal.map { $0 >= 0 && $0.isFinite } ?? true, "the proximal weight", optimizer.proximal ?? 0,
            "a number from 0 on")
        try check(tokensPerPass > 0, "the number of tokens per pass", tokensPerPass, "at least 1")
        try check(saveEvery > 0, "the number of steps between saved states", saveEvery, "at least 1")
        try check(
            validateEvery ?? 1 > 0, "the number of steps between validations", validateEvery ?? 0, "at least 1")
        try check(patience ?? 1 > 0, "the patience", patience ?? 0, "at least 1 validation")
    }
}
