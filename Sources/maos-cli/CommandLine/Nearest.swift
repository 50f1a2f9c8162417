/// Guesses what a mistyped word was meant to be.
enum Nearest {
    /// `; did you mean "…"?`, or nothing where no known word is near.
    static func hint(for word: String, in known: [String]) -> String {
        guard let guess: String = match(for: word, in: known) else { return "" }
        return "; did you mean \(guess)?"
    }

    /// The nearest known word that is near enough to have been meant.
    static func match(for word: String, in known: [String]) -> String? {
        let given: String = word.lowercased()
        var best: (name: String, distance: Int)?
        for name: String in known {
            let distance: Int = name.hasPrefix(given) && given.count >= 2 ? 1 : editDistance(given, name)
            if distance < best?.distance ?? .max { best = (name, distance) }
        }
        guard let best, best.distance <= max(1, min(word.count, best.name.count) / 3) else { return nil }
        return best.name
    }

    /// Characters to insert, remove, replace, or swap with their neighbour, to make one text the other.
    static func editDistance(_ left: String, _ right: String) -> Int {
        let (left, right) = (Array(left), Array(right))
        var before: [Int] = []
        var row: [Int] = Array(0...right.count)
        for i in left.indices {
            var next: [Int] = [i + 1]
            for j in right.indices {
                var cost: Int = min(row[j + 1] + 1, next[j] + 1, row[j] + (left[i] == right[j] ? 0 : 1))
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    cost = min(cost, before[j - 1] + 1)
                }
                next.append(cost)
            }
            before = row
            row = next
        }
        return row[right.count]
    }
}
