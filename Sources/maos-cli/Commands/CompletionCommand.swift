/// `completion`.
enum CompletionCommand {
    private static let shell = Operand(
        "SHELL", .one, .words(["bash", "zsh", "fish"]), "bash, zsh or fish")

    static let command = Command(
        "completion", "print what makes a shell complete commands and flags",
        operands: [shell], needs: .nothing,
        examples: [
            Example("completion bash > ~/.local/share/bash-completion/completions/maos-cli", "for bash"),
            Example("completion zsh > ~/.zfunc/_maos-cli", "for zsh, with ~/.zfunc in fpath"),
            Example("completion fish > ~/.config/fish/completions/maos-cli.fish", "for fish"),
        ]
    ) { (invocation) throws(Failure) in
        let completion = Completion(commands: Program.commands)
        switch invocation.arguments.text(shell) {
        case "bash"?: invocation.output.write(completion.bash)
        case "zsh"?: invocation.output.write(completion.zsh)
        default: invocation.output.write(completion.fish)
        }
    }
}
