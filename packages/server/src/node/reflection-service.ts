// SPDX-License-Identifier: Apache-2.0
/**
 * Server reflection, v1 and v1alpha: lets grpcurl and its kin list, describe and call what is
 * served here without having the .proto files.
 *
 * Answers from an index alone; a question that cannot be answered gets an error of its own and the
 * stream goes on.
 */

import type { DescFile, DescService } from "@bufbuild/protobuf";
import { ServerReflection, ServerReflectionAlpha } from "@conclave/api/grpc";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import {
  encodeFile,
  indexServices,
  type ReflectionIndex,
  withImports,
} from "./reflection-index.ts";

/** Both versions' messages differ in their package only, so answers are made as plain values. */
type Answer =
  | {
      readonly case: "fileDescriptorResponse";
      readonly value: { fileDescriptorProto: Uint8Array[] };
    }
  | {
      readonly case: "allExtensionNumbersResponse";
      readonly value: { baseTypeName: string; extensionNumber: number[] };
    }
  | { readonly case: "listServicesResponse"; readonly value: { service: { name: string }[] } }
  | { readonly case: "errorResponse"; readonly value: { errorCode: number; errorMessage: string } };

interface Question {
  readonly host: string;
  readonly messageRequest:
    | {
        readonly case:
          | "listServices"
          | "fileByFilename"
          | "fileContainingSymbol"
          | "allExtensionNumbersOfType";
        readonly value: string;
      }
    | {
        readonly case: "fileContainingExtension";
        readonly value: { readonly containingType: string; readonly extensionNumber: number };
      }
    | { readonly case: undefined };
}

/**
 * Serves reflection of both versions on `router`.
 *
 * @param services all services of the port; asked at the first question, when all are registered.
 */
export function registerReflection(
  router: ConnectRouter,
  services: () => readonly DescService[],
): void {
  let index: ReflectionIndex | undefined;
  const answerOne = (question: Question["messageRequest"]): Answer => {
    index ??= indexServices(services());
    return answer(index, question);
  };
  router.service(ServerReflection, {
    serverReflectionInfo: (requests) => answerEach(requests, answerOne),
  });
  router.service(ServerReflectionAlpha, {
    serverReflectionInfo: (requests) => answerEach(requests, answerOne),
  });
}

async function* answerEach<Request extends Question>(
  requests: AsyncIterable<Request>,
  answerOne: (question: Question["messageRequest"]) => Answer,
): AsyncGenerator<{ validHost: string; originalRequest: Request; messageResponse: Answer }> {
  for await (const request of requests) {
    const messageResponse = answerOne(request.messageRequest);
    yield { validHost: request.host, originalRequest: request, messageResponse };
  }
}

function answer(index: ReflectionIndex, question: Question["messageRequest"]): Answer {
  switch (question.case) {
    case "listServices":
      return {
        case: "listServicesResponse",
        value: { service: index.services.map((name) => ({ name })) },
      };
    case "fileByFilename":
      return fileAnswer(index.fileByName(question.value), `file ${question.value}`);
    case "fileContainingSymbol":
      return fileAnswer(index.fileBySymbol(question.value), `symbol ${question.value}`);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = question.value;
      const file = index.extensionsOf(containingType)?.get(extensionNumber);
      return fileAnswer(file, `extension ${extensionNumber} of ${containingType}`);
    }
    case "allExtensionNumbersOfType": {
      const extensions = index.extensionsOf(question.value);
      if (extensions === undefined) return refusal(Code.NotFound, `message ${question.value}`);
      const extensionNumber = [...extensions.keys()].sort((a, b) => a - b);
      return {
        case: "allExtensionNumbersResponse",
        value: { baseTypeName: question.value, extensionNumber },
      };
    }
    default:
      // Not a bug of ours: a later version of the protocol may ask what this one does not know.
      return refusal(Code.InvalidArgument, "a question that this server knows");
  }
}

function fileAnswer(file: DescFile | undefined, wanted: string): Answer {
  if (file === undefined) return refusal(Code.NotFound, wanted);
  return {
    case: "fileDescriptorResponse",
    value: { fileDescriptorProto: withImports(file).map(encodeFile) },
  };
}

function refusal(code: Code, wanted: string): Answer {
  const errorMessage = code === Code.NotFound ? `not found: ${wanted}` : `expected ${wanted}`;
  return { case: "errorResponse", value: { errorCode: code, errorMessage } };
}
