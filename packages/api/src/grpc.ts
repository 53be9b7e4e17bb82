// SPDX-License-Identifier: Apache-2.0
/**
 * What gRPC's own tools expect of any server: health checks and server reflection.
 *
 * A list of names and nothing else. The messages of v1 and v1alpha reflection are the same but for
 * their package, so only the services stand here.
 */

export {
  Health,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
} from "./gen/grpc/health/v1/health_pb.ts";
export { ServerReflection } from "./gen/grpc/reflection/v1/reflection_pb.ts";
export { ServerReflection as ServerReflectionAlpha } from "./gen/grpc/reflection/v1alpha/reflection_pb.ts";
