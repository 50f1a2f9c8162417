import MAOSTestSupport

/// The bytes of a file in this target's fixtures, from whatever folder the test is in.
func fixture(_ path: String) throws -> [UInt8] {
    try Fixture.bytes(path)
}
