internal import Glibc
internal import MAOSSystem

/// Writes to a descriptor as it is.
func emit(_ text: String, to descriptor: CInt) {
    var text: String = text
    text.withUTF8 { bytes in _ = write(descriptor, bytes.baseAddress, bytes.count) }
}

/// Ends with one line that says why.
func fail(_ message: String, status: CInt) -> Never {
    emit("maos-server: \(message)\n", to: STDERR_FILENO)
    if status == 2 { emit("Try maos-server --help\n", to: STDERR_FILENO) }
    exit(status)
}

/// Reads the options, and serves until a signal asks to stop.
func runServer() throws(ConfigurationError) {
    var options = try Options(Array(CommandLine.arguments.dropFirst()))
    switch options.action {
    case .help: return emit(Options.help, to: STDOUT_FILENO)
    case .version: return emit("maos-server \(Version.text)\n", to: STDOUT_FILENO)
    case .serve, .printConfiguration: break
    }
    let configuration = try Configuration(&options.values)
    if options.action == .printConfiguration { return emit(options.values.listing, to: STDOUT_FILENO) }

    do throws(SystemError) {
        try Signals.block([Signals.terminate, Signals.interrupt, Signals.hangUp, SIGXFSZ])
    } catch {
        fail("cannot block signals: \(error)", status: 1)
    }
    Signals.ignoreBrokenPipes()
    DescriptorLimit.raise()
    do throws(StartFailure) {
        let application = try Application(configuration, options.values)
        try application.start()
        while waitForSignal() == SIGHUP { application.reload() }
        application.stop()
    } catch {
        fail(error.message, status: 1)
    }
    exit(0)
}

/// Waits for SIGTERM, SIGINT or SIGHUP, and says which it was.
func waitForSignal() -> CInt {
    var signals = sigset_t()
    sigemptyset(&signals)
    for signal: CInt in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, signal) }
    var received: CInt = 0
    while sigwait(&signals, &received) != 0 {}
    return received
}

do throws(ConfigurationError) {
    try runServer()
} catch {
    fail(error.message, status: error.isUsage ? 2 : 1)
}
