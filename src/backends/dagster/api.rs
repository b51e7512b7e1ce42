//! The questions. Each is small, so that a field that another version does not know takes little with it.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::shared::Job;
use super::wire::{Origin, RunStatus};

/// The runs of a page.
pub const PAGE: usize = 200;

const RUN: &str = "runId jobName status creationTime startTime endTime updateTime rootRunId parentRunId \
    repositoryOrigin{repositoryName repositoryLocationName} tags{key value}";
const STATS: &str = "stepKeysToExecute stepStats{stepKey status startTime endTime attempts{startTime endTime} markers{startTime endTime}}";
const PLAN: &str =
    "executionPlan{steps{key kind inputs{dependsOn{key}}}} runConfig assetSelection{path}";
const FAILED: &str = "... on PythonError{message}";
const CAUSES: &str = "error{message causes{message}}";

pub const CONNECT: &str = "{version permissions{permission value disabledReason}}";

/// Every definition there is.
pub fn definitions() -> String {
    format!(
        "{{repositories:repositoriesOrError{{__typename ... on RepositoryConnection{{nodes{{name location{{name}} \
         pipelines{{name description tags{{key value}}}} \
         schedules{{name pipelineName cronSchedule executionTimezone scheduleState{{id status}} \
         futureTicks(limit:1){{results{{timestamp}}}}}} \
         sensors{{name targets{{pipelineName}} sensorState{{id status}}}}}}}} {FAILED}}} \
         workspace:workspaceOrError{{__typename ... on Workspace{{locationEntries{{name loadStatus updatedTimestamp \
         locationOrLoadError{{__typename ... on PythonError{{message stack}}}}}}}} {FAILED}}}}}"
    )
}

/// Runs by filter, newest first; more than one list in one request.
pub struct Lists {
    head: String,
    body: String,
    variables: Map<String, Value>,
}

impl Lists {
    pub fn new() -> Self {
        Self {
            head: String::new(),
            body: String::new(),
            variables: Map::new(),
        }
    }

    /// `filter`: Dagster's `RunsFilter`. `cursor`: the id of the run before the first.
    pub fn runs(&mut self, name: &str, filter: Value, cursor: Option<&str>, limit: usize) {
        let _ = write!(self.head, "${name}:RunsFilter,${name}c:String,");
        let _ = write!(
            self.body,
            "{name}:runsOrError(filter:${name},cursor:${name}c,limit:{limit}){{__typename \
             ... on Runs{{results{{{RUN}}}}} {FAILED}}} "
        );
        self.variables.insert(name.to_owned(), filter);
        self.variables.insert(format!("{name}c"), json!(cursor));
    }

    /// A run and its re-executions, with what their steps are at; `whole`: with their plans.
    pub fn group(&mut self, name: &str, run: &str, whole: bool) {
        let _ = write!(self.head, "${name}:ID!,");
        let plan = if whole { PLAN } else { "" };
        let _ = write!(
            self.body,
            "{name}:runGroupOrError(runId:${name}){{__typename ... on RunGroup{{runs{{{RUN} {STATS} {plan}}}}} \
             ... on RunGroupNotFoundError{{message}} {FAILED}}} "
        );
        self.variables.insert(name.to_owned(), json!(run));
    }

    pub fn finish(self) -> (String, Value) {
        let head = self.head.trim_end_matches(',');
        let query = format!("query({head}){{{}}}", self.body);
        (query, Value::Object(self.variables))
    }
}

pub fn active() -> Value {
    json!({"statuses": RunStatus::ACTIVE})
}

const EVENT: &str = "__typename ... on MessageEvent{timestamp level message stepKey eventType} \
    ... on ExecutionStepFailureEvent{error{message stack causes{message stack}} errorSource} \
    ... on ExecutionStepUpForRetryEvent{error{message stack causes{message stack}}} \
    ... on RunFailureEvent{error{message stack causes{message stack}}} \
    ... on EngineEvent{error{message stack causes{message stack}}} \
    ... on ResourceInitFailureEvent{error{message stack causes{message stack}}} \
    ... on LogsCapturedEvent{fileKey stepKeys} \
    ... on AssetCheckEvaluationEvent{evaluation{checkName assetKey{path} success severity description}} \
    ... on MaterializationEvent{metadataEntries{label ... on IntMetadataEntry{intRepr} ... on FloatMetadataEntry{floatValue}}} \
    ... on ExecutionStepOutputEvent{metadataEntries{label ... on IntMetadataEntry{intRepr} ... on FloatMetadataEntry{floatValue}}}";

pub fn events() -> String {
    format!(
        "query($run:ID!,$after:String,$limit:Int){{events:logsForRun(runId:$run,afterCursor:$after,limit:$limit){{__typename \
         ... on EventConnection{{cursor hasMore events{{{EVENT}}}}} ... on RunNotFoundError{{message}} {FAILED}}}}}"
    )
}

pub fn events_subscription() -> String {
    format!(
        "subscription($run:ID!,$after:String){{events:pipelineRunLogs(runId:$run,cursor:$after){{__typename \
         ... on PipelineRunLogsSubscriptionSuccess{{cursor hasMorePastEvents messages{{{EVENT}}}}} \
         ... on PipelineRunLogsSubscriptionFailure{{message}}}}}}"
    )
}

pub const CAPTURED: &str = "query($key:[String!]!,$cursor:String,$limit:Int){logs:capturedLogs(logKey:$key,cursor:$cursor,limit:$limit)\
    {stdout stderr cursor}}";

/// Daemons, queue and pools.
pub const SYSTEM: &str = "{instance{runQueueConfig{maxConcurrentRuns} \
    daemonHealth{allDaemonStatuses{daemonType required healthy lastHeartbeatTime lastHeartbeatErrors{message causes{message}}}} \
    concurrencyLimits{concurrencyKey limit slotCount activeSlotCount claimedSlots{runId stepKey} \
    pendingSteps{runId stepKey assignedTimestamp}}}}";

/// Schedules and sensors with their newest ticks.
pub fn automation() -> String {
    let ticks = format!(
        "id status ticks(limit:5){{status timestamp endTimestamp runIds skipReason {CAUSES}}}"
    );
    format!(
        "{{repositories:repositoriesOrError{{__typename ... on RepositoryConnection{{nodes{{name location{{name}} \
         schedules{{name pipelineName cronSchedule executionTimezone scheduleState{{{ticks}}} \
         futureTicks(limit:1){{results{{timestamp}}}}}} \
         sensors{{name targets{{pipelineName}} sensorState{{{ticks}}}}}}}}} {FAILED}}}}}"
    )
}

pub const ASSETS: &str = "{assets:assetNodes{assetKey{path} groupName repository{name location{name}} dependencyKeys{path} \
    isPartitioned isExecutable staleStatus partitionStats{numPartitions numMaterialized numFailed numMaterializing} \
    assetMaterializations(limit:1){runId timestamp} assetChecksOrError{... on AssetChecks{checks{name blocking \
    executionForLatestMaterialization{status runId stepKey timestamp evaluation{checkName assetKey{path} success severity description}}}}}}}";

const BACKFILL: &str = "id status timestamp endTimestamp numPartitions numCancelable title jobName \
    assetSelection{path} error{message causes{message}} tags{key value}";

pub fn backfills(limit: usize) -> String {
    format!(
        "{{backfills:partitionBackfillsOrError(limit:{limit}){{__typename \
         ... on PartitionBackfills{{results{{{BACKFILL}}}}} {FAILED}}}}}"
    )
}

/// One backfill with how far it is.
pub fn backfill() -> String {
    format!(
        "query($id:String!){{backfill:partitionBackfillOrError(backfillId:$id){{__typename ... on PartitionBackfill{{{BACKFILL} \
         partitionStatuses{{results{{partitionName runId runStatus}}}} \
         assetBackfillData{{assetBackfillStatuses{{__typename \
         ... on AssetPartitionsStatusCounts{{assetKey{{path}} numPartitionsTargeted numPartitionsInProgress \
         numPartitionsMaterialized numPartitionsFailed}} \
         ... on UnpartitionedAssetStatus{{assetKey{{path}} inProgress materialized failed}}}}}}}} \
         ... on BackfillNotFoundError{{message}} {FAILED}}}}}"
    )
}

/// The configuration that a job takes, and its partitions.
pub const JOB: &str = "query($job:PipelineSelector!,$of:RepositorySelector!,$name:String!){\
    schema:runConfigSchemaOrError(selector:$job){__typename ... on RunConfigSchema{rootConfigType{key} allConfigTypes{__typename key \
    isSelector typeParamKeys ... on CompositeConfigType{fields{name description configTypeKey isRequired defaultValueAsJson}} \
    ... on RegularConfigType{givenName} ... on EnumConfigType{givenName values{value}}}} \
    ... on PythonError{message} ... on PipelineNotFoundError{message} ... on InvalidSubsetError{message}} \
    sets:partitionSetsOrError(repositorySelector:$of,pipelineName:$name){__typename ... on PartitionSets{results{\
    partitionsOrError(limit:2000,reverse:true){... on Partitions{results{name}}}}} ... on PythonError{message} ... on PipelineNotFoundError{message}}}";

pub fn job_variables(job: &Job) -> Value {
    json!({"job": job.selector(), "name": job.name, "of": repository(&job.origin)})
}

pub fn repository(origin: &Origin) -> Value {
    json!({"repositoryName": origin.repository_name, "repositoryLocationName": origin.repository_location_name})
}

/// Whether a configuration is valid, and the steps that a run with it would have.
pub const DRY_RUN: &str = "query($job:PipelineSelector!,$config:RunConfigData){\
    plan:executionPlanOrError(pipeline:$job,mode:\"default\",runConfigData:$config){__typename ... on ExecutionPlan{steps{key kind}} \
    ... on RunConfigValidationInvalid{errors{message}} ... on PythonError{message} ... on PipelineNotFoundError{message} \
    ... on InvalidSubsetError{message}}}";

/// What every mutation says when it is refused.
const REFUSALS: &str = "... on PythonError{message} ... on UnauthorizedError{message}";
const LAUNCH: &str = "__typename ... on LaunchRunSuccess{run{runId}} ... on RunConfigValidationInvalid{errors{message}} \
    ... on InvalidSubsetError{message} ... on InvalidStepError{invalidStepKey} ... on RunConflict{message} \
    ... on ConflictingExecutionParamsError{message} ... on PipelineNotFoundError{message}";

/// Mutations. Each answers under `done`.
pub fn launch() -> String {
    format!(
        "mutation($params:ExecutionParams!){{done:launchRun(executionParams:$params){{{LAUNCH} {REFUSALS}}}}}"
    )
}

/// Exactly one of the two is given: a strategy, or the steps and configuration themselves.
pub fn reexecute() -> String {
    format!(
        "mutation($by:ReexecutionParams,$params:ExecutionParams){{done:launchRunReexecution(reexecutionParams:$by,executionParams:$params)\
         {{{LAUNCH} {REFUSALS}}}}}"
    )
}

pub fn terminate() -> String {
    format!(
        "mutation($runs:[String!]!,$policy:TerminateRunPolicy){{done:terminateRuns(runIds:$runs,terminatePolicy:$policy){{__typename \
         ... on TerminateRunsResult{{terminateRunResults{{__typename ... on TerminateRunFailure{{message run{{runId}}}} \
         ... on RunNotFoundError{{message}} {REFUSALS}}}}} ... on PythonError{{message}}}}}}"
    )
}

pub fn start_schedule() -> String {
    format!(
        "mutation($of:ScheduleSelector!){{done:startSchedule(scheduleSelector:$of){{__typename ... on ScheduleNotFoundError{{message}} {REFUSALS}}}}}"
    )
}

pub fn stop_schedule() -> String {
    format!(
        "mutation($id:String!){{done:stopRunningSchedule(id:$id){{__typename ... on ScheduleNotFoundError{{message}} {REFUSALS}}}}}"
    )
}

pub fn start_sensor() -> String {
    format!(
        "mutation($of:SensorSelector!){{done:startSensor(sensorSelector:$of){{__typename ... on SensorNotFoundError{{message}} {REFUSALS}}}}}"
    )
}

pub fn stop_sensor() -> String {
    format!("mutation($id:String!){{done:stopSensor(id:$id){{__typename {REFUSALS}}}}}")
}

const BACKFILL_REFUSED: &str = "... on PartitionSetNotFoundError{message} ... on PartitionKeysNotFoundError{message} \
    ... on RunConfigValidationInvalid{errors{message}} ... on PipelineNotFoundError{message}";

pub fn launch_backfill() -> String {
    format!(
        "mutation($params:LaunchBackfillParams!){{done:launchPartitionBackfill(backfillParams:$params){{__typename \
         ... on LaunchBackfillSuccess{{backfillId}} {BACKFILL_REFUSED} {REFUSALS}}}}}"
    )
}

pub fn reexecute_backfill() -> String {
    format!(
        "mutation($by:ReexecutionParams){{done:reexecutePartitionBackfill(reexecutionParams:$by){{__typename \
         ... on LaunchBackfillSuccess{{backfillId}} {BACKFILL_REFUSED} {REFUSALS}}}}}"
    )
}

pub fn cancel_backfill() -> String {
    format!(
        "mutation($id:String!){{done:cancelPartitionBackfill(backfillId:$id){{__typename {REFUSALS}}}}}"
    )
}

pub fn resume_backfill() -> String {
    format!(
        "mutation($id:String!){{done:resumePartitionBackfill(backfillId:$id){{__typename {REFUSALS}}}}}"
    )
}

pub const SET_LIMIT: &str = "mutation($pool:String!,$limit:Int!){done:setConcurrencyLimit(concurrencyKey:$pool,limit:$limit)}";
pub const FREE_SLOTS: &str = "mutation($run:String!){done:freeConcurrencySlotsForRun(runId:$run)}";

pub fn reload() -> String {
    format!(
        "mutation($name:String!){{done:reloadRepositoryLocation(repositoryLocationName:$name){{__typename \
         ... on ReloadNotSupported{{message}} ... on RepositoryLocationNotFound{{message}} {REFUSALS}}}}}"
    )
}

pub const PARTITIONS: &str = "query($key:AssetKeyInput!){asset:assetNodeOrError(assetKey:$key){__typename ... on AssetNode{partitionKeys \
    assetPartitionStatuses{... on TimePartitionStatuses{ranges{startKey endKey status}} ... on DefaultPartitionStatuses{failedPartitions}}} \
    ... on AssetNotFoundError{message}}}";

/// A run that was launched with a tag.
pub const TAGGED: &str = "query($tag:ExecutionTag!){runs:runsOrError(filter:{tags:[$tag]},limit:1){__typename ... on Runs{results{runId jobName status \
    creationTime startTime endTime updateTime rootRunId parentRunId repositoryOrigin{repositoryName repositoryLocationName} tags{key value}}} \
    ... on PythonError{message}}}";

pub const LOCATIONS: &str = "{workspace:workspaceOrError{__typename ... on Workspace{locationEntries{name loadStatus updatedTimestamp \
    locationOrLoadError{__typename ... on PythonError{message stack}}}} ... on PythonError{message}}}";
