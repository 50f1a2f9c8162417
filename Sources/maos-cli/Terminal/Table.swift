/// Rows of aligned cells under a head.
struct Table {
    struct Column {
        let title: String
        /// Numbers stand at the right.
        let isNumeric: Bool
        /// May be cut so that the row fits the terminal.
        let isFlexible: Bool

        init(_ title: String, isNumeric: Bool = false, isFlexible: Bool = false) {
            self.title = title
            self.isNumeric = isNumeric
            self.isFlexible = isFlexible
        }
    }

    struct Cell {
        let text: String
        let style: Style?

        /// A cell of a text that may come from anywhere.
        init(_ text: String, _ style: Style? = nil) {
            self.text = DisplayText.line(text)
            self.style = style
        }
    }

    private static let gap: String = "  "

    let columns: [Column]
    private var rows: [[Cell]] = []

    init(_ columns: [Column]) {
        self.columns = columns
    }

    var isEmpty: Bool { rows.isEmpty }

    mutating func add(_ cells: [Cell]) {
        precondition(cells.count == columns.count, "a row has one cell a column")
        rows.append(cells)
    }

    /// The table as text; on a terminal cut to its width.
    func text(for channel: Channel) -> String {
        var widths: [Int] = columns.indices.map { column in
            max(
                DisplayText.width(columns[column].title),
                rows.map { DisplayText.width($0[column].text) }.max() ?? 0)
        }
        if channel.isTerminal, let flexible: Int = columns.firstIndex(where: \.isFlexible) {
            let used: Int = widths.reduce(0, +) + Table.gap.count * (columns.count - 1)
            let excess: Int = used - channel.size.columns
            if excess > 0 { widths[flexible] = max(columns[flexible].title.count, 8, widths[flexible] - excess) }
        }
        var text: String = line(columns.map { Cell($0.title, .bold) }, widths, channel)
        for row: [Cell] in rows { text += line(row, widths, channel) }
        return text
    }

    private func line(_ cells: [Cell], _ widths: [Int], _ channel: Channel) -> String {
        var line: String = ""
        for (index, cell) in cells.enumerated() {
            let isLast: Bool = index == cells.count - 1
            let cut: String =
                columns[index].isFlexible && channel.isTerminal
                ? DisplayText.cut(cell.text, to: widths[index]) : cell.text
            let space = String(repeating: " ", count: max(0, widths[index] - DisplayText.width(cut)))
            let shown: String = channel.styled(cut, cell.style)
            if columns[index].isNumeric {
                line += space + shown
            } else {
                line += isLast ? shown : shown + space
            }
            if !isLast { line += Table.gap }
        }
        while line.hasSuffix(" ") { line.removeLast() }
        return line + "\n"
    }
}

/// Names with their values, one a line, aligned.
struct Sheet {
    private var entries: [(name: String, cell: Table.Cell)] = []

    mutating func add(_ name: String, _ value: String?, _ style: Style? = nil) {
        guard let value, !value.isEmpty else { return }
        entries.append((name, Table.Cell(value, style)))
    }

    func text(for channel: Channel) -> String {
        let width: Int = entries.map { DisplayText.width($0.name) }.max() ?? 0
        return entries.map { entry in
            channel.styled(DisplayText.padded(entry.name, to: width), .dim) + "  "
                + channel.styled(entry.cell.text, entry.cell.style) + "\n"
        }.joined()
    }
}
