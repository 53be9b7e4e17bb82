# SPDX-License-Identifier: Apache-2.0
"""Plays a scenario against a Conclave server from Python, by grpcio and Google's own protobuf.

The only argument is JSON: the dialect, the folder of its protos, the endpoints of the nodes, the
number of partitions, the name of the primitive and the steps. Each step prints what was seen, then
"step", and waits for a line: in between the one who started this may force a leader change.
"""

import inspect
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

CALL_SECONDS = 15
RETRY_SECONDS = 12


class Channel:
    """One connection, for the services that a folder of protos describes."""

    def __init__(self, endpoint, protos):
        folder = pathlib.Path(protos)
        with tempfile.NamedTemporaryFile() as compiled:
            subprocess.run(
                ["protoc", "-I", folder, "-I", folder.parent / "well-known", "--include_imports"]
                + ["--descriptor_set_out=" + compiled.name]
                + sorted(path.name for path in folder.glob("*.proto")),
                check=True,
            )
            files = descriptor_pb2.FileDescriptorSet.FromString(compiled.read())
        self.pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            self.pool.Add(file)
        # Or the clients of one process would share a connection, which may be their session.
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 200)]
        self.channel = grpc.insecure_channel(endpoint.removeprefix("http://"), options)

    def call(self, method, request, metadata=()):
        """The answer and the headers before it; UNAVAILABLE is asked again, as all clients do."""
        call, message = self._prepared(self.channel.unary_unary, method, request)
        end = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                answer, made = call.with_call(message, timeout=CALL_SECONDS, metadata=metadata)
                return as_dict(answer), dict(made.initial_metadata())
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE or time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def stream(self, method, request, metadata=()):
        call, message = self._prepared(self.channel.unary_stream, method, request)
        # Longer than a whole scenario takes: no message is waited for any longer than that.
        return map(as_dict, call(message, timeout=45, metadata=metadata))

    def _prepared(self, kind, method, request):
        service, name = method.split("/")
        described = self.pool.FindServiceByName(service).methods_by_name[name]
        asked = self._class_of(described.input_type)
        answered = self._class_of(described.output_type)
        call = kind(
            "/" + method,
            request_serializer=asked.SerializeToString,
            response_deserializer=answered.FromString,
        )
        return call, json_format.ParseDict(request, asked())

    def _class_of(self, described):
        if hasattr(message_factory, "GetMessageClass"):
            return message_factory.GetMessageClass(described)
        # Before protobuf 4.22, which Debian 12 is.
        return message_factory.MessageFactory(self.pool).GetPrototype(described)


# What protobuf calls it since 5.26, and before.
WITH_DEFAULTS = next(
    {name: True}
    for name in ("always_print_fields_with_no_presence", "including_default_value_fields")
    if name in inspect.signature(json_format.MessageToDict).parameters
)


def as_dict(message):
    return json_format.MessageToDict(message, preserving_proto_field_name=True, **WITH_DEFAULTS)


def text_of(term, leader, names):
    return f"{'-' if term is None else term} {leader or 'nobody'} [{' '.join(names)}]"


def home_among(partitions, name):
    value = 2166136261
    for byte in name.encode():
        value = (value ^ byte) * 16777619 % 2**32
    return partitions[value % len(partitions)]


class S0:
    ELECTION = "atomix.election.LeaderElectionService/"

    def __init__(self, channel, task, candidate):
        self.channel, self.candidate = channel, candidate
        request = {"id": {"name": "", "namespace": ""}}
        [database] = channel.call("atomix.controller.ControllerService/GetDatabases", request)[0][
            "databases"
        ]
        partitions = sorted(partition["partition_id"] for partition in database["partitions"])
        self.partition = home_among(partitions, task["primitive"])
        self.name = {"name": task["primitive"], "namespace": database["id"]["namespace"]}
        self.requests = self.index = 0
        self.streams = {}
        opened = self._ask("atomix.session.SessionService/OpenSession", {}, {"timeout": "20s"})
        self.session, self.index = opened["header"]["session_id"], int(opened["header"]["index"])

    def create(self):
        self._command("Create", {})

    def close(self):
        self._command("Close", {"delete": False})

    def delete(self):
        self._command("Close", {"delete": True})

    def get(self):
        header = self._header(name=self.name, request_id=self.requests, index=self.index)
        return self._seen(self._ask(self.ELECTION + "GetTerm", header, {}))

    def enter(self):
        return self._seen(self._command("Enter", {"candidate_id": self.candidate}))

    def steer(self, verb, candidate):
        return self._seen(self._command(verb.capitalize(), {"candidate_id": candidate}))

    def watch(self):
        self.requests += 1
        header = self._header(name=self.name, request_id=self.requests)
        accepted, stream = 0, str(self.requests)
        for message in self.channel.stream(self.ELECTION + "Events", {"header": header}):
            accepted += 1
            assert message["header"]["status"] == "OK"
            assert message["header"]["stream_id"] == stream
            assert message["header"]["response_id"] == str(accepted)
            assert (message["header"]["type"] == "OPEN_STREAM") == (accepted == 1)
            self.streams[stream] = accepted
            yield None if accepted == 1 else self._seen(message)

    def keep_alive(self):
        streams = [{"stream_id": s, "response_id": str(n)} for s, n in self.streams.items()]
        header = self._header(request_id=self.requests, index=self.index, streams=streams)
        self._ask("atomix.session.SessionService/KeepAlive", header, {})

    def _command(self, method, request):
        self.requests += 1
        header = self._header(name=self.name, request_id=self.requests)
        answer = self._ask(self.ELECTION + method, header, request)
        assert int(answer["header"]["index"]) > self.index, "the index of commands rises"
        self.index = int(answer["header"]["index"])
        return answer

    def _header(self, **fields):
        return {"partition": self.partition, "session_id": self.session, **fields}

    def _ask(self, method, header, request):
        request = {"header": {"partition": self.partition, **header}, **request}
        answer = self.channel.call(method, request)[0]
        assert answer["header"]["status"] == "OK", (method, answer)
        return answer

    @staticmethod
    def _seen(answer):
        term = answer["term"]
        return text_of(term["id"], term["leader"], term["candidates"])


class S1:
    ELECTION = "atomix.multiraft.election.v1.LeaderElection/"
    SERVICE = "atomix.runtime.election.v1.LeaderElection"

    def __init__(self, channel, task, candidate):
        self.channel, self.candidate, self.primitive = channel, candidate, task["primitive"]
        self.home = home_among(range(1, task["partitions"] + 1), self.primitive)
        self.sequence = self.index = self.id = 0
        self.first_open = None
        opened = channel.call(
            "atomix.multiraft.v1.Partition/OpenSession",
            {"headers": {"partition_id": self.home}, "input": {"timeout": "20s"}},
        )[0]
        self.session = opened["output"]["session_id"]

    def create(self):
        spec = {"service": self.SERVICE, "namespace": "default", "name": self.primitive}
        answer = self._command("atomix.multiraft.v1.Session/CreatePrimitive", {"spec": spec})
        self.id = answer["output"]["primitive_id"]

    def close(self):
        self._command("atomix.multiraft.v1.Session/ClosePrimitive", {"primitive_id": self.id})

    def get(self):
        request = {"headers": self._query(), "input": {}}
        return self._seen(self.channel.call(self.ELECTION + "GetTerm", request)[0])

    def enter(self):
        return self._seen(self._command(self.ELECTION + "Enter", {"candidate": self.candidate}))

    def steer(self, verb, candidate):
        method = self.ELECTION + verb.capitalize()
        return self._seen(self._command(method, {"candidate": candidate}))

    def watch(self):
        request = {"headers": self._query(), "input": {}}
        self.first_open = self.sequence
        messages = self.channel.stream(self.ELECTION + "Watch", request)
        # Nothing comes first: a later read is answered by the same node, behind the watch.
        self.get()
        yield None
        for message in messages:
            assert message["headers"]["operation"]["status"] == "OK", message
            yield self._seen(message)

    def keep_alive(self):
        answered = {
            "session_id": self.session,
            # A watch is open: without a filter, nothing from there on is acknowledged.
            "input_filter": "",
            "last_input_sequence_num": (self.first_open or self.sequence + 1) - 1,
        }
        request = {"headers": {"partition_id": self.home}, "input": answered}
        self.channel.call("atomix.multiraft.v1.Partition/KeepAlive", request)

    def _command(self, method, request):
        self.sequence += 1
        headers = {"operation": self._operation(), "sequence_num": self.sequence}
        answer = self.channel.call(method, {"headers": headers, "input": request})[0]
        operation = answer["headers"]["operation"]
        assert operation["status"] == "OK", (method, answer)
        index = int(operation["session"]["session"]["partition"]["index"])
        assert index > self.index, "the index of commands rises"
        self.index = index
        return answer

    def _query(self):
        self.sequence += 1
        numbers = {"sequence_num": self.sequence, "max_received_index": self.index}
        return {"operation": self._operation(), **numbers}

    def _operation(self):
        session = {"partition": {"partition_id": self.home}, "session_id": self.session}
        return {"session": {"session": session, "primitive_id": self.id}}

    @staticmethod
    def _seen(answer):
        term = answer["output"]["term"]
        return text_of(term["index"], term["leader"], term["candidates"])


class S2:
    ELECTION = "atomix.election.v1.LeaderElection/"

    def __init__(self, channel, task, candidate):
        self.channel, self.candidate = channel, candidate
        self.metadata = (
            ("application-id", "default"),
            ("primitive-id", task["primitive"]),
            ("session-id", f"{task['primitive']} {candidate}"),
        )

    def create(self):
        self.channel.call(self.ELECTION + "Create", {"config": {}}, self.metadata)

    def close(self):
        self.channel.call(self.ELECTION + "Close", {}, self.metadata)

    def get(self):
        return self._term("GetTerm", {})

    def enter(self):
        return self._term("Enter", {"candidate_id": self.candidate})

    def steer(self, verb, candidate):
        return self._term(verb.capitalize(), {"candidate_id": candidate})

    def watch(self):
        for message in self.channel.stream(self.ELECTION + "Events", {}, self.metadata):
            event = message["event"]
            assert event["type"] in ("NONE", "CHANGED")
            yield None if event["type"] == "NONE" else self._seen(event["term"], None)

    def keep_alive(self):
        pass

    def _term(self, method, request):
        answer, headers = self.channel.call(self.ELECTION + method, request, self.metadata)
        return self._seen(answer["term"], headers["conclave-term"])

    @staticmethod
    def _seen(term, number):
        assert term["timestamp"]["physical_timestamp"]["time"] is not None
        return text_of(number, term["leader_id"], term["candidates"])


class S3:
    ELECTIONS = "atomix.runtime.election.v1.LeaderElections/"
    ELECTION = "atomix.runtime.election.v1.LeaderElection/"

    def __init__(self, channel, task, candidate):
        self.channel, self.candidate = channel, candidate
        self.id = {"id": {"name": task["primitive"]}}

    def create(self):
        self.channel.call(self.ELECTIONS + "Create", {**self.id, "tags": ["a-tag"]})

    def close(self):
        self.channel.call(self.ELECTIONS + "Close", self.id)

    def get(self):
        return self._term("GetTerm", {})

    def enter(self):
        return self._term("Enter", {"candidate": self.candidate})

    def steer(self, verb, candidate):
        return self._term(verb.capitalize(), {"candidate": candidate})

    def watch(self):
        messages = self.channel.stream(self.ELECTION + "Watch", self.id)
        yield None
        for message in messages:
            yield self._seen(message["term"])

    def keep_alive(self):
        pass

    def _term(self, method, request):
        return self._seen(self.channel.call(self.ELECTION + method, {**self.id, **request})[0]["term"])

    @staticmethod
    def _seen(term):
        return text_of(term["term"], term["leader"], term["candidates"])


class S4:
    LATCH = "atomix.primitive.leader.LeaderLatchService/"
    PRIMITIVE = "atomix.primitive.PrimitiveService/"

    def __init__(self, channel, task, candidate):
        self.channel = channel
        primitive = {"type": "LeaderLatch", "name": task["primitive"]}
        self.request = {"header": {"client_id": candidate, "primitive_id": primitive}}

    def create(self):
        self.channel.call(self.PRIMITIVE + "Create", self.request)

    def close(self):
        self.channel.call(self.PRIMITIVE + "Close", self.request)

    def delete(self):
        self.channel.call(self.PRIMITIVE + "Delete", self.request)

    def get(self):
        return self._seen(self.channel.call(self.LATCH + "Get", self.request)[0]["output"]["latch"])

    def enter(self):
        answer = self.channel.call(self.LATCH + "Latch", self.request)[0]
        return self._seen(answer["output"]["latch"])

    def watch(self):
        for message in self.channel.stream(self.LATCH + "Events", self.request):
            if message["header"]["response_type"] == "RESPONSE_STREAM":
                yield None
            else:
                assert message["output"]["type"] == "CHANGE"
                yield self._seen(message["output"]["latch"])

    def keep_alive(self):
        pass

    @staticmethod
    def _seen(latch):
        revision = latch.get("meta", {}).get("revision", {}).get("num", "0")
        return text_of(revision, latch["leader"], latch["participants"])


def perform(client, step):
    does, whom = step["does"], step.get("whom", step["who"])
    try:
        if does in ("create", "close", "delete", "get", "enter"):
            return getattr(client, does)() or "done"
        return client.steer(does, f"c{whom}")
    except grpc.RpcError as error:
        if "fails" not in step:
            raise
        return f"code {error.code().value[0]}"


def main():
    task = json.loads(sys.argv[1])
    dialect = {"S0": S0, "S1": S1, "S2": S2, "S3": S3, "S4": S4}[task["dialect"]]
    clients = [
        dialect(Channel(endpoint, task["protos"]), task, f"c{i + 1}")
        for i, endpoint in enumerate(task["endpoints"])
    ]
    watch = None
    for step in task["steps"]:
        client, whom = clients[step["who"] - 1], step.get("whom", step["who"])
        title = f"c{step['who']} {step['does']} c{whom}"
        if step["does"] == "watch":
            watch = client.watch()
            assert next(watch) is None
            print(title)
        else:
            print(f"{title}: {perform(client, step)}")
        if "tells" in step:
            print(f"  told: {next(watch)}")
        for one in clients:
            one.keep_alive()
        print("step", flush=True)
        sys.stdin.readline()


main()
