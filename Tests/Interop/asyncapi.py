"""What `/asyncapi.json` says, to hold real messages to it."""

import copy

import jsonschema


class Description:
    """The document of a listener."""

    def __init__(self, document):
        self.document = document
        # Members that are not declared count as mistakes here; clients are told that some may be added later.
        self.strict = closed(copy.deepcopy(document["components"]))

    def channel(self, name):
        return Channel(self, name)


class Channel:
    """A channel of a document; remembers which of its messages it has seen."""

    def __init__(self, description, name):
        document = description.document
        self.address = document["channels"][name]["address"]
        self.received, self.sent, self.answers, self.seen = {}, {}, {}, set()
        for operation in document["operations"].values():
            if operation["channel"]["$ref"] != f"#/channels/{name}":
                continue
            messages = [title(reference) for reference in operation["messages"]]
            answers = [title(reference) for reference in operation.get("reply", {}).get("messages", [])]
            (self.received if operation["action"] == "receive" else self.sent).update(dict.fromkeys(messages))
            self.sent.update(dict.fromkeys(answers))
            for message in messages:
                self.answers[message] = answers
        for messages in (self.received, self.sent):
            for message in messages:
                key = f"{name}.{message}"
                declared = document["components"]["messages"][key]
                if declared.get("contentType", document["defaultContentType"]) != "application/json":
                    continue
                root = {"$ref": f"#/components/messages/{key}/payload", "components": description.strict}
                messages[message] = jsonschema.Draft7Validator(root)

    def check(self, message):
        """The name of the one declared message to clients that this is."""
        name = only(self.sent, message)
        self.seen.add(name)
        return name

    def check_request(self, message):
        """The name of the one declared message of clients that this is."""
        name = only(self.received, message)
        self.seen.add(name)
        return name


def title(reference):
    return reference["$ref"].rsplit("/", 1)[1]


def only(declared, message):
    fitting = [name for name, schema in declared.items() if schema is not None and schema.is_valid(message)]
    if len(fitting) == 1:
        return fitting[0]
    problems = {
        name: [f"{list(error.absolute_path)}: {error.message}" for error in schema.iter_errors(message)][:3]
        for name, schema in declared.items()
        if schema is not None
    }
    closest = {k: v for k, v in problems.items() if not any(path.startswith("['type']") for path in v)}
    raise AssertionError(f"{message} fits {fitting}; {closest}")


def closed(schema):
    """The same, without room for members that are not declared."""
    if isinstance(schema, dict):
        for value in schema.values():
            closed(value)
        if schema.get("type") == "object":
            schema.setdefault("additionalProperties", False)
    elif isinstance(schema, list):
        for value in schema:
            closed(value)
    return schema
