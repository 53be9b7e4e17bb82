// SPDX-License-Identifier: Apache-2.0
// Health and reflection as gRPC's own client, and so grpcurl, sees them over the real port.
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { LeaderLatchService } from "@conclave/api/s4";
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  status,
} from "@grpc/grpc-js";
import {
  loadFileDescriptorSetFromBuffer,
  loadSync,
  type PackageDefinition,
  type ServiceDefinition,
} from "@grpc/proto-loader";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createConnections } from "./connections.ts";
import { type FrontPort, openFrontPort } from "./front-port.ts";
import { registerHealth } from "./health-service.ts";
import { createHttpRoutes } from "./http-routes.ts";
import { createOriginPolicy } from "./origin-policy.ts";
import { createReadiness, type Readiness } from "./readiness.ts";
import { registerReflection } from "./reflection-service.ts";
import { createRpcHandler } from "./rpc-handler.ts";
import { systemClock } from "./system-clock.ts";

const protoDirectory = fileURLToPath(new URL("../../../api/proto", import.meta.url));
const loading = { includeDirs: [protoDirectory], keepCase: true, enums: String, defaults: true };

const metrics = { page: async () => "a 1\n", contentType: "text/plain; version=0.0.4" };
let port: FrontPort;
let obstacles: readonly string[] = [];
const readiness = createReadiness(() => obstacles);
/** Who is told of changes, by now. */
const watchers = new Set<() => void>();
const counted: Readiness = {
  ...readiness,
  get isShuttingDown() {
    return readiness.isShuttingDown;
  },
  subscribe(changed) {
    watchers.add(changed);
    const unsubscribe = readiness.subscribe(changed);
    return () => {
      watchers.delete(changed);
      unsubscribe();
    };
  },
};
const clients: Client[] = [];

beforeAll(async () => {
  const connections = createConnections();
  const rpc = createRpcHandler({
    connections,
    clock: systemClock,
    routes: (router, registered) => {
      router.service(LeaderLatchService, {});
      registerHealth(router, counted, registered.isRegistered);
      registerReflection(router, registered.all);
    },
  });
  const handler = createHttpRoutes({
    rpc,
    readiness,
    metrics,
    origins: createOriginPolicy({
      scheme: "http",
      ownNames: [],
      corsOrigins: ["https://ops.example.org"],
    }),
    consoleFiles: new Map(),
  });
  const outcome = await openFrontPort({
    host: "127.0.0.1",
    port: 0,
    clock: systemClock,
    connections,
    handler,
  });
  if (outcome.kind !== "open") throw new Error(outcome.detail);
  port = outcome.port;
});

afterAll(async () => {
  for (const client of clients) client.close();
  await port.close(0);
});

type Message = Record<string, unknown>;

/** A service as gRPC's own library calls it, with nothing but the descriptors that it has read. */
function callerOf(definition: PackageDefinition, service: string) {
  const methods = definition[service] as ServiceDefinition;
  const client = new Client(new URL(port.url).host, credentials.createInsecure());
  clients.push(client);
  const partsOf = (method: string) => {
    const { path, requestSerialize, responseDeserialize } = methods[method]!;
    return [path, requestSerialize, responseDeserialize as (bytes: Buffer) => Message] as const;
  };
  return {
    call: (method: string, request: Message): Promise<Message> =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(...partsOf(method), request, (error, answer) =>
          error === null ? resolve(answer ?? {}) : reject(error),
        );
      }),
    serverStream: (method: string, request: Message): ClientReadableStream<Message> =>
      client.makeServerStreamRequest(...partsOf(method), request),
    bothWays: (method: string): ClientDuplexStream<Message, Message> =>
      client.makeBidiStreamRequest(...partsOf(method)),
  };
}

const health = () =>
  callerOf(loadSync("grpc/health/v1/health.proto", loading), "grpc.health.v1.Health");

describe("health", () => {
  test("serves the process and each of its services", async () => {
    const client = health();
    for (const service of ["", "grpc.health.v1.Health", LeaderLatchService.typeName]) {
      expect(await client.call("Check", { service })).toEqual({ status: "SERVING" });
    }
  });

  test("answers NOT_FOUND when a service is checked that is not there", async () => {
    const answer = health().call("Check", { service: "no.Such" });
    await expect(answer).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  test("watches with the status at once, and again when a leader is lost and found", async () => {
    const client = health();
    const stream = client.serverStream("Watch", { service: "" });
    const heard: unknown[] = [];
    stream.on("data", (message: Message) => heard.push(message["status"]));
    stream.on("error", () => {});
    await expect.poll(() => heard).toEqual(["SERVING"]);
    obstacles = ["partition 3: no leader"];
    readiness.update();
    await expect.poll(() => heard).toEqual(["SERVING", "NOT_SERVING"]);
    obstacles = [];
    readiness.update();
    await expect.poll(() => heard).toEqual(["SERVING", "NOT_SERVING", "SERVING"]);
    stream.cancel();
  });

  test("watches a service that is not there with SERVICE_UNKNOWN, on a stream that stays", async () => {
    const client = health();
    const stream = client.serverStream("Watch", { service: "no.Such" });
    let isOver = false;
    stream.on("end", () => {
      isOver = true;
    });
    stream.on("error", () => {});
    const [first] = await once(stream, "data");
    expect(first).toEqual({ status: "SERVICE_UNKNOWN" });
    // A whole call later it is still open.
    await client.call("Check", { service: "" });
    expect(isOver).toBe(false);
    stream.cancel();
  });
});

describe.each(["v1", "v1alpha"])("reflection %s", (version) => {
  const reflection = (): ClientDuplexStream<Message, Message> => {
    const proto = loadSync(`grpc/reflection/${version}/reflection.proto`, loading);
    const service = `grpc.reflection.${version}.ServerReflection`;
    return callerOf(proto, service).bothWays("ServerReflectionInfo");
  };

  /** One stream for all the questions; the answers in their order. */
  async function ask(...questions: readonly Message[]): Promise<Message[]> {
    const stream = reflection();
    for (const question of questions) stream.write(question);
    stream.end();
    return await stream.toArray();
  }

  const filesOf = (answer: Message | undefined): string[] => {
    const response = answer?.["file_descriptor_response"] as {
      file_descriptor_proto: Uint8Array[];
    };
    return response.file_descriptor_proto.map(
      (bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name,
    );
  };

  test("lists all services of the port", async () => {
    const [answer] = await ask({ list_services: "*" });
    expect(answer?.["list_services_response"]).toEqual({
      service: [
        { name: "atomix.primitive.leader.LeaderLatchService" },
        { name: "grpc.health.v1.Health" },
        { name: "grpc.reflection.v1.ServerReflection" },
        { name: "grpc.reflection.v1alpha.ServerReflection" },
      ],
    });
  });

  test.each([
    "atomix.primitive.leader.LeaderLatchService",
    "atomix.primitive.leader.LeaderLatchService.Latch",
    "atomix.primitive.leader.LatchRequest",
    "atomix.primitive.leader.LatchRequest.header",
    "atomix.primitive.leader.EventsOutput.Type",
    "atomix.primitive.leader.EventsOutput.CHANGE",
  ])("finds the file that defines %s, with all that it imports", async (symbol) => {
    const [answer] = await ask({ file_containing_symbol: symbol });
    const files = filesOf(answer);
    expect(files[0]).toBe("atomix/primitive/leader/latch.proto");
    expect(files).toContain("google/protobuf/descriptor.proto");
  });

  test("finds a file by its name", async () => {
    const [answer] = await ask({ file_by_filename: "grpc/health/v1/health.proto" });
    expect(filesOf(answer)).toEqual(["grpc/health/v1/health.proto"]);
  });

  test("knows the extensions of a message, and which file each is from", async () => {
    const options = "google.protobuf.MethodOptions";
    const [numbers] = await ask({ all_extension_numbers_of_type: options });
    const response = numbers?.["all_extension_numbers_response"] as Message;
    expect(response["base_type_name"]).toBe(options);
    const found = response["extension_number"] as number[];
    expect(found.length).toBeGreaterThan(0);
    const questions = found.map((extension_number) => ({
      file_containing_extension: { containing_type: options, extension_number },
    }));
    const files = (await ask(...questions)).map((answer) => filesOf(answer)[0]);
    expect(new Set(files)).toEqual(new Set(["atomix/primitive/descriptor.proto"]));
  });

  test("a message without extensions has none, one that is unknown is not found", async () => {
    const [none, unknown] = await ask(
      { all_extension_numbers_of_type: "grpc.health.v1.HealthCheckRequest" },
      { all_extension_numbers_of_type: "no.Such" },
    );
    expect(none?.["all_extension_numbers_response"]).toMatchObject({ extension_number: [] });
    expect(unknown?.["error_response"]).toMatchObject({ error_code: status.NOT_FOUND });
  });

  test("answers each question that it cannot with an error, repeats it, and goes on", async () => {
    const questions = [
      { file_containing_symbol: "no.Such" },
      { file_by_filename: "no/such.proto" },
      { file_containing_extension: { containing_type: "no.Such", extension_number: 7 } },
      {},
      { host: "me", list_services: "" },
    ];
    const answers = await ask(...questions);
    const codes = answers.map((answer) => (answer["error_response"] as Message)?.["error_code"]);
    const { NOT_FOUND, INVALID_ARGUMENT } = status;
    expect(codes).toEqual([NOT_FOUND, NOT_FOUND, NOT_FOUND, INVALID_ARGUMENT, undefined]);
    expect(answers[0]?.["original_request"]).toMatchObject(questions[0]!);
    expect(answers[4]?.["valid_host"]).toBe("me");
  });

  test("is enough to call a method with nothing but its descriptors, as grpcurl does", async () => {
    const [answer] = await ask({ file_containing_symbol: "grpc.health.v1.Health.Check" });
    const response = answer?.["file_descriptor_response"] as {
      file_descriptor_proto: Uint8Array[];
    };
    const file = response.file_descriptor_proto.map((bytes) =>
      fromBinary(FileDescriptorProtoSchema, bytes),
    );
    const set = toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file }));
    const learned = loadFileDescriptorSetFromBuffer(Buffer.from(set), loading);
    const client = callerOf(learned, "grpc.health.v1.Health");
    expect(await client.call("Check", { service: "" })).toEqual({ status: "SERVING" });
  });
});

describe("health at shutdown", () => {
  test("is NOT_SERVING for all, and then the streams end, even that of an unknown service", async () => {
    const client = health();
    const heard = ["", "no.Such"].map((service) => {
      const stream = client.serverStream("Watch", { service });
      return stream.toArray();
    });
    await expect.poll(() => watchers.size).toBe(2);
    readiness.shutDown();
    expect(await Promise.all(heard)).toEqual([
      [{ status: "SERVING" }, { status: "NOT_SERVING" }],
      [{ status: "SERVICE_UNKNOWN" }],
    ]);
    expect(await client.call("Check", { service: "" })).toEqual({ status: "NOT_SERVING" });
  });
});
