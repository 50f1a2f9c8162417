"""A client of the OpenCode surface, and a server that has one."""

from speaker import Speaker

PUSHES = {
    "resource_update", "task_status_update", "task_progress_update", "agent_update", "log_entry", "task_manager_status",
    "detailed_process_scan", "claude_processes_update", "connection_status", "rate_limit_info", "security_alert",
}


class OpenCode(Speaker):
    """A connection that has been greeted."""

    def __init__(self, url, greeted=True, **more):
        # Pushes that came while an answer was waited for.
        self.passed = []
        super().__init__(url, **more)
        self.hello = self.receive()
        self.status = self.receive() if greeted and self.hello["type"] == "connection_established" else None

    def ask(self, type, **members):
        """Sends a request, and returns its answer."""
        self.send({"type": type, **members})
        while True:
            reply = self.receive()
            if reply["type"] not in PUSHES:
                return reply
            self.passed.append(reply)

    def refusal(self, type, **members):
        reply = self.ask(type, **members)
        assert reply["type"] == "error", reply
        return reply["code"]

    def until(self, type, condition=lambda message: True, seconds=20):
        """The next message of a type that fulfils a condition."""
        while True:
            message = self.passed.pop(0) if self.passed else self.receive(seconds)
            if message["type"] == type and condition(message):
                return message

    def start(self, id, command=None, **members):
        task = {"id": id, "type": "testing", "priority": "medium", "description": f"Run {id}", **members}
        if command is not None:
            task.setdefault("metadata", {})["command"] = command
        return self.ask("start_task", task=task)

    def wait(self, id, *statuses):
        """Asks for a task until it has one of these statuses."""
        while True:
            task = self.ask("get_task_status", task_id=id)["task"]
            if task["status"] in statuses:
                return task
