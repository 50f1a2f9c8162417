import MAOSCore
import Testing

/// Amounts of money as exact decimals.
@Suite struct AmountTests {
    @Test(
        "a plain decimal number is read exactly and written without zeros at its end",
        arguments: [
            ("0", 0, "0"), ("0.0123", 12_300, "0.0123"), ("1", 1_000_000, "1"), ("10.50", 10_500_000, "10.5"),
            (".5", 500_000, "0.5"), ("7.", 7_000_000, "7"), ("0.000001", 1, "0.000001"),
            ("0.0000001", 1, "0.000001"), ("0.1234561", 123_457, "0.123457"), ("0.1234560", 123_456, "0.123456"),
            ("1000000000", 1_000_000_000_000_000, "1000000000"), ("00.10", 100_000, "0.1"),
        ])
    func exact(text: String, micros: Int64, again: String) throws {
        let cost: Cost = try #require(Cost(text))
        #expect(cost.micros == micros)
        #expect(cost.description == again)
    }

    @Test(
        "anything else is none",
        arguments: [
            "", ".", "-1", "+1", "1e3", "1,5", " 1", "1 ", "0x1", "nan", "1.2.3", "1000000000.000001",
            "9999999999999999",
            "1000000000.0000001", "٣",
        ])
    func refused(text: String) { #expect(Cost(text) == nil) }
}
